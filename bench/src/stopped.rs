//! A reader that stops reading, and what it gets when it reads on.

use std::{fmt, time::Duration};

use anyhow::Result;
use tokio::{net::TcpSocket, time};

use crate::{
    frames::{self, Frame},
    measure::{Measured, Pace, measure_running},
    operations,
    process::Process,
    series::Series,
    socket::{self, Heard, Socket},
    target::Target,
};

/// Bytes that the system keeps for the reader: few, so that the server notices soon.
const RECEIVE_BUFFER: u32 = 16 * 1024;
/// How long to wait for more, once it reads on.
const PATIENCE: Duration = Duration::from_secs(5);
/// Others that read on all the while.
const OTHERS: usize = 10;

/// What came of it.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// Of the others, and of the server's memory.
    pub(crate) measured: Measured,
    /// Of the reader.
    pub(crate) end: End,
}

/// What the reader got when it read on.
#[derive(Debug, Default)]
pub(crate) struct End {
    expected: usize,
    received: usize,
    in_order: bool,
    closed: Option<String>,
}

/// Starts a target, and measures it with a reader that stops.
pub(crate) async fn measure(target: &Target, pace: Pace) -> Result<Outcome> {
    let process = target.start().await?;
    let series = pace.series();
    let mut reader = connect(&process).await?;
    reader.subscribe(usize::MAX, &operations::large()).await?;
    let others = operations::by_turns(OTHERS, 1);
    let measured = measure_running(target, &process, others, pace, &series).await?;
    let end = read_on(&mut reader, &series).await;
    process.stop().await?;
    Ok(Outcome { measured, end })
}

async fn connect(process: &Process) -> Result<Socket> {
    let socket = TcpSocket::new_v4()?;
    socket.set_recv_buffer_size(RECEIVE_BUFFER)?;
    let stream = socket.connect(process.address).await?;
    Socket::open_on(stream, process.address).await
}

/// Reads until all changes are there, the server closes, or nothing comes any more.
async fn read_on(reader: &mut Socket, series: &Series) -> End {
    let mut end = End {
        expected: series.changes(),
        in_order: true,
        ..End::default()
    };
    let mut seen = vec![false; series.changes()];
    while end.received < end.expected && end.closed.is_none() {
        end.closed = match time::timeout(PATIENCE, reader.read()).await {
            Err(_) => Some("silent".to_owned()),
            Ok(Err(error)) => Some(error.to_string()),
            Ok(Ok(Heard::End)) => Some("ended without a code".to_owned()),
            Ok(Ok(Heard::Something)) => None,
        };
        if let Err(error) = look(reader, series, &mut end, &mut seen).await {
            end.closed.get_or_insert(error.to_string());
        }
    }
    end
}

/// Looks at what has come.
async fn look(
    reader: &mut Socket,
    series: &Series,
    end: &mut End,
    seen: &mut [bool],
) -> Result<()> {
    while let Some(frame) = reader.next_frame()? {
        let answer = match frame {
            Frame::Text(message) => match series.find(message) {
                Some(change) => {
                    let follows = !Series::completes(change) || seen[change - 1];
                    end.in_order &= follows && !seen[change];
                    seen[change] = true;
                    end.received += 1;
                    continue;
                }
                None if socket::is_ping(message) => socket::pong(),
                None => continue,
            },
            Frame::Ping(payload) => frames::pong(payload),
            Frame::Close(code) => {
                let code = code.map_or("no code".to_owned(), |code| code.to_string());
                end.closed = Some(format!("closed with {code}"));
                return Ok(());
            }
        };
        reader.send(&answer).await?;
    }
    Ok(())
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let order = if self.in_order {
            "in order"
        } else {
            "NOT in order"
        };
        let closed = self.closed.as_deref().unwrap_or("caught up");
        let (received, expected) = (self.received, self.expected);
        write!(f, "{closed}: {received} of {expected} changes, {order}")
    }
}
