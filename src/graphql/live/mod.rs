//! Subscriptions, as a transport sends them. Each begins with an execution of its own, from where its
//! client wants to begin up to the present moment, and from there on shares that of its [`group`]. A
//! client that falls behind its group catches up in the same way; one that does not within a time is
//! told that it is too slow.

mod fan_out;
mod feed_range;
mod frame;
mod request;

pub(super) use feed_range::FeedRange;

use std::{sync::Arc, time::Duration};

use futures_util::{
    Stream, StreamExt,
    stream::{self, BoxStream},
};
use tokio::{
    sync::broadcast::error::RecvError,
    time::{self, Instant},
};

use tracing::warn;

use crate::{
    feed::{ChangeFeed, TailPosition},
    graphql::{live::feed_range::RangeKind, request::PreparedRequest},
};
use fan_out::{Broadcast, Groups, Member, chunks};
use frame::Execution;
use request::SharedRequest;

pub use frame::Frame;

/// How long to wait before what has failed is tried again.
const PAUSE: Duration = Duration::from_millis(500);

/// What all subscriptions are made from.
pub(in crate::graphql) struct Live {
    feed: ChangeFeed,
    groups: Arc<Groups>,
    /// How long a client that fell behind may take to catch up.
    catch_up_time: Duration,
}

/// What a subscription says at once.
#[derive(Debug)]
pub enum Output {
    /// Responses, in order: those of the chunk from this one on.
    Frames(Arc<[Frame]>, usize),
    /// The client does not keep up, and should come back when it does; this is the last.
    TooSlow,
    /// The database does not answer, and the client should come back later; this is the last.
    Unavailable,
}

/// One client's subscription.
struct Subscription {
    live: Arc<Live>,
    asked: Arc<SharedRequest>,
    place: Place,
    stage: Stage,
    /// Since when the client has not kept up.
    behind: Option<Instant>,
}

/// Where a client stands.
enum Place {
    /// Where it said.
    Given,
    /// Here, as a cursor.
    At(Arc<str>),
}

enum Stage {
    /// Belongs to no group.
    Apart,
    /// Reads by itself up to a moment, behind which it is told all as one of a group.
    Replaying {
        watching: Arc<FeedRange>,
        frames: BoxStream<'static, Vec<Frame>>,
        follower: Member,
        moment: TailPosition,
    },
    /// Is told what its group is, from the moment with this number on.
    Following {
        follower: Member,
        from: u64,
    },
    Ended,
}

impl Live {
    pub(in crate::graphql) fn new(feed: ChangeFeed, catch_up_time: Duration) -> Self {
        Self {
            feed,
            groups: Arc::default(),
            catch_up_time,
        }
    }

    /// Subscribes; from `last` on if the client has come back with that.
    pub(in crate::graphql) fn subscribe(
        self: &Arc<Self>,
        prepared: PreparedRequest,
        request_id: String,
        last: Option<String>,
    ) -> impl Stream<Item = Output> + Send + use<> {
        let asked = SharedRequest::of(prepared, request_id);
        let subscription = asked.map(|asked| Subscription {
            live: Arc::clone(self),
            asked: Arc::new(asked),
            place: last.map_or(Place::Given, |last| Place::At(last.into())),
            stage: Stage::Apart,
            behind: None,
        });
        stream::unfold(subscription, async |subscription| {
            let mut subscription = subscription?;
            let said = subscription.next().await?;
            Some((said, Some(subscription)))
        })
    }
}

impl Subscription {
    /// What is said next; none if all has been.
    async fn next(&mut self) -> Option<Output> {
        loop {
            match &mut self.stage {
                Stage::Ended => return None,
                Stage::Apart => {
                    if let Err(said) = self.begin().await {
                        return Some(said);
                    }
                }
                Stage::Replaying { frames, .. } => match frames.next().await {
                    Some(frames) => return Some(self.say(frames.into(), 0)),
                    None => self.follow(),
                },
                Stage::Following { follower, from } => match follower.news.recv().await {
                    Ok(Broadcast::Frames(frames)) => {
                        let first = first_behind(*from, &frames);
                        self.behind = None;
                        match first {
                            Some(Ok(first)) => return Some(self.say(frames, first)),
                            Some(Err(Mixed)) => self.stage = Stage::Apart,
                            None => {}
                        }
                    }
                    Ok(Broadcast::End) => self.stage = Stage::Ended,
                    Err(RecvError::Lagged(_)) => {
                        self.behind.get_or_insert_with(Instant::now);
                        self.stage = Stage::Apart;
                    }
                    Err(RecvError::Closed) => {
                        self.stage = Stage::Apart;
                        time::sleep(PAUSE).await;
                    }
                },
            }
        }
    }

    /// Joins a group, and begins to read up to a moment behind that; or tells why it cannot.
    async fn begin(&mut self) -> std::result::Result<(), Output> {
        let live = &self.live;
        let follower = live.groups.join(&self.asked).await;
        let moment = match live.feed.reach().await {
            Ok(moment) => moment,
            Err(error) if matches!(self.place, Place::Given) => {
                warn!(%error, "a subscription cannot be begun");
                self.stage = Stage::Ended;
                return Err(Output::Unavailable);
            }
            Err(_) => {
                time::sleep(PAUSE).await;
                return Ok(());
            }
        };
        let stretch = RangeKind::Backfill(moment.clone(), self.place());
        let Execution { watching, frames } = Execution::begin(&self.asked, stretch);
        // From now on where it begins is told apart from what it asks.
        self.asked = Arc::clone(&follower.group.asked);
        self.stage = Stage::Replaying {
            watching,
            frames: chunks(frames).boxed(),
            follower,
            moment,
        };
        Ok(())
    }

    fn follow(&mut self) {
        let stage = std::mem::replace(&mut self.stage, Stage::Ended);
        if let Stage::Replaying {
            watching,
            follower,
            moment,
            ..
        } = stage
        {
            let mut progress = watching.progress();
            if let (false, Some(place)) = (progress.ended, progress.place.take()) {
                self.place = Place::At(place.into());
                let from = moment.number();
                self.stage = Stage::Following { follower, from };
            }
        }
    }

    fn say(&mut self, frames: Arc<[Frame]>, first: usize) -> Output {
        let behind = self.behind.map(|since| since.elapsed());
        if behind.is_some_and(|behind| behind > self.live.catch_up_time) {
            self.stage = Stage::Ended;
            return Output::TooSlow;
        }
        if frames.iter().any(|frame| frame.errors.is_some()) {
            self.stage = Stage::Ended;
        }
        if let Some(place) = frames.last().and_then(|frame| frame.place.clone()) {
            self.place = Place::At(place);
        }
        Output::Frames(frames, first)
    }

    fn place(&self) -> Option<String> {
        match &self.place {
            Place::Given => None,
            Place::At(place) => Some(place.to_string()),
        }
    }
}

/// Part of what was told lies before a moment and part behind it, and which cannot be told.
struct Mixed;

/// The first of `frames` that lies behind the moment with this number.
fn first_behind(number: u64, frames: &[Frame]) -> Option<std::result::Result<usize, Mixed>> {
    let first = frames
        .iter()
        .position(|frame| frame.span.is_none_or(|span| span.upto > number))?;
    let is_mixed = frames[first].span.is_some_and(|span| span.from < number);
    Some(if is_mixed { Err(Mixed) } else { Ok(first) })
}
