//! Subscribers, many at a time, on threads of their own.

use std::{
    cell::RefCell,
    net::SocketAddr,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    thread::{self, JoinHandle},
    time::Instant,
};

use anyhow::{Context, Result, anyhow};
use futures_util::{StreamExt, TryStreamExt, stream};
use serde_json::Value;
use tokio::{
    runtime,
    sync::oneshot,
    task::{self, LocalSet},
};

use crate::{
    frames::{self, Frame},
    series::Series,
    socket::{self, Heard, Socket},
};

/// Sockets that are opened at the same time.
const AT_ONCE: usize = 64;
/// Threads that share the subscribers: one alone would keep messages waiting before two cores are busy.
const THREADS: usize = 2;

/// Subscribers that are connected and watch a series of changes.
#[derive(Debug)]
pub(crate) struct Crowd {
    delivered: Arc<AtomicU64>,
    groups: Vec<Group>,
}

/// Those of a crowd that share a thread.
#[derive(Debug)]
struct Group {
    dismiss: oneshot::Sender<()>,
    thread: JoinHandle<Result<Vec<Receipts>>>,
}

/// What one subscriber received.
#[derive(Debug, Default)]
pub(crate) struct Receipts {
    /// When each change came first, in microseconds of the series; 0 if it did not come.
    pub(crate) at: Vec<u32>,
    /// Changes that came again.
    pub(crate) duplicates: usize,
    /// Changes that came before the one that precedes them in their run.
    pub(crate) misordered: usize,
    /// Why it hears no more, or something that it does not understand.
    pub(crate) trouble: Option<String>,
}

/// What one subscriber has to know.
struct Watch {
    series: Arc<Series>,
    delivered: Arc<AtomicU64>,
    receipts: Rc<RefCell<Receipts>>,
}

impl Crowd {
    /// Connects a subscriber for each payload, and starts its operation.
    pub(crate) async fn gather(
        address: SocketAddr,
        payloads: Vec<Value>,
        series: Arc<Series>,
    ) -> Result<Self> {
        let delivered = Arc::new(AtomicU64::new(0));
        let share = payloads.len().div_ceil(THREADS).max(1);
        let mut payloads = payloads.into_iter().enumerate();
        let mut groups = Vec::new();
        for _ in 0..THREADS {
            let share: Vec<_> = payloads.by_ref().take(share).collect();
            let (series, delivered) = (Arc::clone(&series), Arc::clone(&delivered));
            groups.push(Group::gather(address, share, series, delivered).await?);
        }
        Ok(Self { delivered, groups })
    }

    /// How many changes came so far, all subscribers together.
    pub(crate) fn delivered(&self) -> u64 {
        self.delivered.load(Relaxed)
    }

    /// Disconnects all; tells what each received.
    pub(crate) async fn dismiss(self) -> Result<Vec<Receipts>> {
        let mut receipts = Vec::new();
        for group in self.groups {
            let _ = group.dismiss.send(());
            let thread = task::spawn_blocking(|| group.thread.join()).await?;
            receipts.extend(thread.map_err(|_| anyhow!("the subscribers panicked"))??);
        }
        Ok(receipts)
    }
}

impl Group {
    /// Starts a thread; returns when all its subscribers are connected.
    async fn gather(
        address: SocketAddr,
        payloads: Vec<(usize, Value)>,
        series: Arc<Series>,
        delivered: Arc<AtomicU64>,
    ) -> Result<Self> {
        let (dismiss, dismissed) = oneshot::channel();
        let (ready, is_ready) = oneshot::channel();
        let thread = thread::spawn(move || {
            let runtime = runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            let local = LocalSet::new();
            local.block_on(&runtime, async {
                let receipts = match connect(address, payloads, &series, &delivered).await {
                    Ok(receipts) => receipts,
                    Err(error) => {
                        let _ = ready.send(Err(error));
                        return Ok(Vec::new());
                    }
                };
                let _ = ready.send(Ok(()));
                let _ = dismissed.await;
                Ok(receipts.iter().map(|receipts| receipts.take()).collect())
            })
        });
        is_ready.await.context("the subscribers have ended")??;
        Ok(Self { dismiss, thread })
    }
}

async fn connect(
    address: SocketAddr,
    payloads: Vec<(usize, Value)>,
    series: &Arc<Series>,
    delivered: &Arc<AtomicU64>,
) -> Result<Vec<Rc<RefCell<Receipts>>>> {
    let subscribers = stream::iter(payloads);
    let subscribers = subscribers.map(async |(number, payload)| {
        let mut socket = Socket::open(address).await?;
        socket.subscribe(number, &payload).await?;
        let receipts = Receipts {
            at: vec![0; series.changes()],
            ..Receipts::default()
        };
        let watch = Watch {
            series: Arc::clone(series),
            delivered: Arc::clone(delivered),
            receipts: Rc::new(RefCell::new(receipts)),
        };
        let receipts = Rc::clone(&watch.receipts);
        task::spawn_local(watch.listen(socket));
        anyhow::Ok(receipts)
    });
    subscribers.buffer_unordered(AT_ONCE).try_collect().await
}

impl Watch {
    async fn listen(self, mut socket: Socket) {
        let trouble = match self.hear(&mut socket).await {
            Ok(()) => "the connection ended".to_owned(),
            Err(error) => error.to_string(),
        };
        self.receipts.borrow_mut().trouble.get_or_insert(trouble);
    }

    /// Takes note of what comes until the connection ends.
    async fn hear(&self, socket: &mut Socket) -> Result<()> {
        while socket.read().await? == Heard::Something {
            let now = self.series.micros(Instant::now());
            while let Some(frame) = socket.next_frame()? {
                let answer = match frame {
                    Frame::Text(message) => self.receipts.borrow_mut().note(self, message, now),
                    Frame::Ping(payload) => Some(frames::pong(payload)),
                    Frame::Close(code) => return Err(anyhow!("closed with {code:?}")),
                };
                if let Some(answer) = answer {
                    socket.send(&answer).await?;
                }
            }
        }
        Ok(())
    }
}

impl Receipts {
    /// Takes note of a message that came at `now`; tells what to answer.
    fn note(&mut self, watch: &Watch, message: &[u8], now: u32) -> Option<Vec<u8>> {
        let Some(change) = watch.series.find(message) else {
            if socket::is_ping(message) {
                return Some(socket::pong());
            }
            self.trouble
                .get_or_insert_with(|| String::from_utf8_lossy(message).into_owned());
            return None;
        };
        watch.delivered.fetch_add(1, Relaxed);
        if self.at[change] > 0 {
            self.duplicates += 1;
            return None;
        }
        self.at[change] = now;
        if Series::completes(change) && self.at[change - 1] == 0 {
            self.misordered += 1;
        }
        None
    }
}
