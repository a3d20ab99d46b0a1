//! Detects that the database file was removed, replaced or overwritten while it is open.
//!
//! SQLite keeps writing to the files that it has opened, whatever has become of their names: a commit succeeds, and the
//! next start does not find it. So the files are compared with those that were opened, before a commit is acknowledged
//! and several times a second. Once they differ nothing is written any more until the server is restarted, since neither
//! the pages in memory nor the write-ahead log belong to what is there now.
//!
//! An overwritten file keeps its identity, but not the time of its last modification. SQLite itself modifies the database
//! file in checkpoints only, of any process, and these advance counters in the index of the write-ahead log. The
//! [format](https://www.sqlite.org/walformat.html#the_wal_index_file_format) of that index is stable.

use std::{
    fmt,
    fs::{self, File, Metadata},
    io,
    os::unix::fs::{FileExt, MetadataExt},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::Duration,
};

use sea_orm::{ConnectionTrait, DatabaseConnection, DbErr};
use tokio::time;
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use crate::db::error::wrap;

/// Time between two checks while nothing is written.
const CHECK_INTERVAL: Duration = Duration::from_millis(250);
/// Copies the log to the database file that is open, and empties it.
const CHECKPOINT: &str = "PRAGMA wal_checkpoint(TRUNCATE)";
/// Bytes of the index of the write-ahead log that are read.
const INDEX_HEADER: usize = 132;

/// What has happened to the files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FileFault {
    /// A name of a file is gone, or is that of another file.
    #[error(
        "the database file, or its write-ahead log, was removed or replaced while the server was running: \
         nothing is written until the server is restarted"
    )]
    Replaced,
    /// The contents of a file are not those that SQLite has written.
    #[error(
        "the database file, or its write-ahead log, was overwritten or truncated while the server was running: \
         nothing is written until the server is stopped, the file is restored without its -wal and -shm files, and the \
         server is started again"
    )]
    Overwritten,
}

impl From<FileFault> for DbErr {
    fn from(fault: FileFault) -> Self {
        wrap(fault)
    }
}

/// The files of an open database. Clones share their state.
#[derive(Clone)]
pub(in crate::db) struct FileGuard(Arc<Inner>);

struct Inner {
    database: Watched,
    log: Watched,
    index: Watched,
    /// Never closed: closing a file releases the locks that SQLite in this process holds on it.
    index_file: &'static File,
    last: Mutex<Observation>,
    fault: OnceLock<FileFault>,
    /// Cancelled before SQLite removes the files that it does not need any more.
    closing: CancellationToken,
}

/// A file by its name, and what it was when it was opened.
struct Watched {
    path: PathBuf,
    identity: (u64, u64),
}

/// What the database file was like at a check.
struct Observation {
    /// Size and time of the last modification.
    database: (u64, i64, i64),
    /// Before that was read.
    checkpoint: Checkpoint,
}

/// The state of checkpoints, from the index of the write-ahead log.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Checkpoint {
    /// Changes when the log starts from its beginning again.
    salt: [u8; 8],
    /// Frames of the log that have been copied to the database file.
    done: u32,
    /// Frames that are being copied, or have been.
    attempted: u32,
}

/// The header of the index of the write-ahead log.
struct IndexHeader {
    checkpoint: Checkpoint,
    /// Size of the frames in the log that are valid.
    log_size: u64,
}

impl FileGuard {
    /// Remembers the files of the database at `path`, which `writer` has open.
    pub(super) fn open(path: &Path, writer: DatabaseConnection) -> io::Result<Self> {
        // SQLite follows links too, and names the other files after the target.
        let path = fs::canonicalize(path)?;
        let beside = |suffix: &str| {
            let mut name = path.clone().into_os_string();
            name.push(suffix);
            Watched::new(name.into())
        };
        let index = beside("-shm")?;
        let index_file: &'static File = Box::leak(Box::new(File::open(&index.path)?));
        let log = beside("-wal")?;
        let database = Watched::new(path)?;
        let last = Observation {
            checkpoint: IndexHeader::read(index_file)?.checkpoint,
            database: modification(&fs::metadata(&database.path)?),
        };
        let guard = Self(Arc::new(Inner {
            database,
            log,
            index,
            index_file,
            last: Mutex::new(last),
            fault: OnceLock::new(),
            closing: CancellationToken::new(),
        }));
        tokio::spawn(check_periodically(guard.clone(), writer));
        Ok(guard)
    }

    /// Checks the files for the last time: SQLite removes those that it does not need any more.
    ///
    /// # Errors
    /// Returns what has happened to them.
    pub(super) fn close(&self) -> Result<(), FileFault> {
        let checked = self.check();
        self.0.closing.cancel();
        checked
    }

    /// Copies the log of a replaced file to the file that it belongs to, and empties it: at the next start SQLite would
    /// apply it to whatever has taken the file's name. What had been acknowledged is then in the old file, if that still
    /// has a name.
    pub(super) async fn detach_log(&self, writer: &DatabaseConnection) -> Result<(), DbErr> {
        writer.execute_unprepared(CHECKPOINT).await.map(drop)
    }

    /// Checks the files. This takes a few microseconds.
    ///
    /// # Errors
    /// Returns what has happened to them, now or before.
    pub(in crate::db) fn check(&self) -> Result<(), FileFault> {
        self.0.check()
    }
}

impl fmt::Debug for FileGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileGuard").finish_non_exhaustive()
    }
}

async fn check_periodically(guard: FileGuard, writer: DatabaseConnection) {
    let check = async {
        while guard.check().is_ok() {
            time::sleep(CHECK_INTERVAL).await;
        }
        if guard.check() == Err(FileFault::Replaced)
            && let Err(error) = guard.detach_log(&writer).await
        {
            warn!(%error, "cannot copy the write-ahead log to the replaced database file");
        }
    };
    guard.0.closing.run_until_cancelled(check).await;
}

impl Inner {
    fn check(&self) -> Result<(), FileFault> {
        if let Some(fault) = self.fault.get() {
            return Err(*fault);
        }
        // The second time for the case that SQLite has changed one file between the looks at two of them.
        let checked = self.observe().or_else(|_| self.observe());
        checked.inspect_err(|fault| {
            if self.fault.set(*fault).is_ok() {
                error!(path = %self.database.path.display(), error = %fault, "the database file has changed");
            }
        })
    }

    fn observe(&self) -> Result<(), FileFault> {
        let mut last = self.last();
        let read_header = || IndexHeader::read(self.index_file).map_err(|_| FileFault::Overwritten);
        self.index.metadata()?;
        let before = read_header()?.checkpoint;
        let database = modification(&self.database.metadata()?);
        let header = read_header()?;
        // A checkpoint says that it runs before it writes, and that it is done afterwards.
        let is_by_checkpoint = last.checkpoint.is_running() || header.checkpoint != last.checkpoint;
        // The log may have grown after its header was read.
        let is_complete = self.log.metadata()?.len() >= header.log_size;
        if !is_complete || database != last.database && !is_by_checkpoint {
            return Err(FileFault::Overwritten);
        }
        *last = Observation {
            database,
            checkpoint: before,
        };
        Ok(())
    }

    fn last(&self) -> MutexGuard<'_, Observation> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watched {
    fn new(path: PathBuf) -> io::Result<Self> {
        let identity = identity(&fs::metadata(&path)?);
        Ok(Self { path, identity })
    }

    fn metadata(&self) -> Result<Metadata, FileFault> {
        let metadata = fs::metadata(&self.path).map_err(|_| FileFault::Replaced)?;
        let is_same = identity(&metadata) == self.identity;
        is_same.then_some(metadata).ok_or(FileFault::Replaced)
    }
}

impl Checkpoint {
    fn is_running(self) -> bool {
        self.done != self.attempted
    }
}

impl IndexHeader {
    /// Reads the header. Numbers in it are in the byte order of the machine.
    fn read(file: &File) -> io::Result<Self> {
        let mut bytes = [0; INDEX_HEADER];
        file.read_exact_at(&mut bytes, 0)?;
        let number = |at: usize| {
            let mut number = [0; 4];
            number.copy_from_slice(&bytes[at..at + 4]);
            u32::from_ne_bytes(number)
        };
        let mut salt = [0; 8];
        salt.copy_from_slice(&bytes[32..40]);
        // 65,536 does not fit into 16 bits, and is written as 1.
        let page_size = match u16::from_ne_bytes([bytes[14], bytes[15]]) {
            1 => 65_536,
            size => u64::from(size),
        };
        let log_size = match u64::from(number(16)) {
            0 => 0,
            // The log has a header of 32 bytes, and so has each frame one of 24.
            frames => 32 + frames * (24 + page_size),
        };
        Ok(Self {
            checkpoint: Checkpoint {
                salt,
                done: number(96),
                attempted: number(128),
            },
            log_size,
        })
    }
}

fn identity(metadata: &Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}

fn modification(metadata: &Metadata) -> (u64, i64, i64) {
    (metadata.len(), metadata.mtime(), metadata.mtime_nsec())
}
