//! One who watches. What was committed by a moment it reads from the table, by a cursor of its own:
//! a [`Backfill`]. What is committed later the tail hands to it: a [`LiveStream`] watch, which goes back to the
//! table by itself when it falls behind.

use std::{collections::VecDeque, fmt::Debug, future::Future, sync::Arc};

use tokio::sync::broadcast::{self, Receiver, error::RecvError};

use super::{
    change_log::ChangeLog,
    position::CommitPosition,
    retry::wait_out,
    tail::{Attached, Batch, IntervalEnd, Shared, Tail, TailPosition},
};
use crate::runs::Result;

/// What is watched: rows of one table, picked and made into what is delivered.
pub trait Topic: Clone + Debug + Send + Sync {
    /// What the tail reads for it.
    type Row: Debug + Send + Sync + 'static;
    /// What is delivered.
    type Delivery: Debug + Send;
    /// Where to read on.
    type Place: Clone + Debug + Send + Sync;

    /// What the tail tells of it.
    fn channel(shared: &Shared) -> &broadcast::Sender<Arc<Batch<Self::Row>>>;

    /// Makes sure that it can be read behind `place`, or from where it is read without one.
    fn check(
        &self,
        source: &ChangeLog,
        place: Option<&Self::Place>,
        head: &CommitPosition,
    ) -> impl Future<Output = Result<()>> + Send;

    /// Reads a page behind `place`, or from where it is read without one, at most up to `head`.
    fn read(
        &self,
        source: &ChangeLog,
        place: Option<&Self::Place>,
        head: &CommitPosition,
    ) -> impl Future<Output = Result<Page<Self>>> + Send;

    /// What a batch of the tail's holds for it.
    fn take(&self, batch: &Batch<Self::Row>) -> Vec<Self::Delivery>;

    /// The place behind a batch, if it has moved.
    fn behind(batch: &Batch<Self::Row>) -> Option<Self::Place>;

    /// The place behind a delivery.
    fn place_of(delivery: &Self::Delivery) -> Self::Place;

    /// The place behind all that was committed by `head`.
    fn at(source: &ChangeLog, head: &CommitPosition) -> Self::Place;

    /// Whether there is nothing to come once this end of an interval is reached.
    fn ends_at(&self, reached: &IntervalEnd) -> bool;

    /// Whether there is nothing to come but what is committed by now.
    fn has_ended(&self, source: &ChangeLog) -> impl Future<Output = Result<bool>> + Send;
}

/// What was read at once.
#[derive(Debug)]
pub struct Page<S: Topic> {
    pub(super) deliveries: Vec<S::Delivery>,
    /// Behind it.
    pub(super) place: S::Place,
    /// Whether that is the end of what was asked for.
    pub(super) last: bool,
}

/// Between which two moments of this process's tail something was committed, as it counts them. Of
/// two watchers it tells whether one has seen what the other delivers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TickRange {
    /// After this one.
    pub from: u64,
    /// By this one.
    pub upto: u64,
}

/// All between a place and a moment.
#[derive(Debug)]
pub struct Backfill<S: Topic> {
    log: Arc<ChangeLog>,
    tail: Tail,
    subject: S,
    place: Option<S::Place>,
    upto: TailPosition,
    /// Nothing is to come behind `upto`.
    ended: bool,
    /// All is read.
    done: bool,
    ready: VecDeque<S::Delivery>,
}

impl<S: Topic> Backfill<S> {
    pub(super) fn new(
        log: Arc<ChangeLog>,
        tail: Tail,
        subject: S,
        place: Option<S::Place>,
        upto: TailPosition,
    ) -> Self {
        Self {
            log,
            tail,
            subject,
            place,
            upto,
            ended: false,
            done: false,
            ready: VecDeque::new(),
        }
    }

    /// The next one; none at the moment's.
    ///
    /// # Errors
    /// A defect, or what comes next is no longer kept. What was delivered stays delivered.
    pub async fn next(&mut self) -> Result<Option<S::Delivery>> {
        loop {
            if let Some(delivery) = self.ready.pop_front() {
                return Ok(Some(delivery));
            }
            if self.done {
                return Ok(None);
            }
            if let Err(error) = self.read_on().await {
                // Where it stands has not changed.
                wait_out(error).await?;
            }
        }
    }

    /// The place behind all of it.
    #[must_use]
    pub fn place(&self) -> S::Place {
        S::at(&self.log, &self.upto.head)
    }

    /// Whether nothing is to come behind what was delivered; known once that is all.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.ended
    }

    /// Reads a page. At the moment, what has ended by then is done with after it is read once more: to
    /// a moment behind its end.
    async fn read_on(&mut self) -> Result<()> {
        let source = &self.log;
        let page = self
            .subject
            .read(source, self.place.as_ref(), &self.upto.head)
            .await?;
        if page.last && !self.ended && self.subject.has_ended(source).await? {
            self.upto = self.tail.reach().await?;
            self.ended = true;
        } else {
            self.done = page.last;
        }
        self.place = Some(page.place);
        self.ready.extend(page.deliveries);
        Ok(())
    }
}

/// All that comes behind a moment, as it comes.
#[derive(Debug)]
pub struct LiveStream<S: Topic> {
    log: Arc<ChangeLog>,
    tail: Tail,
    subject: S,
    place: S::Place,
    /// The moment at which it stands, or which it stands behind by a part of an interval.
    number: u64,
    state: State<S>,
    ready: VecDeque<(S::Delivery, TickRange)>,
}

#[derive(Debug)]
enum State<S: Topic> {
    /// Fell behind the tail, and holds on to it anew.
    Detached,
    /// Reads the table up to where it holds on to the tail.
    CatchingUp(Backfill<S>, Attached<S::Row>),
    /// Takes what the tail reads.
    Following(Receiver<Arc<Batch<S::Row>>>),
    /// There is nothing more.
    Ended,
}

impl<S: Topic> LiveStream<S> {
    pub(super) fn new(
        log: Arc<ChangeLog>,
        tail: Tail,
        subject: S,
        attached: Attached<S::Row>,
    ) -> Self {
        Self {
            place: S::at(&log, &attached.moment.head),
            number: attached.moment.number,
            log,
            tail,
            subject,
            state: State::Following(attached.batches),
            ready: VecDeque::new(),
        }
    }

    /// The next one, and when it was committed; none when nothing is to come, or the server stops.
    ///
    /// # Errors
    /// A defect, or what comes next is no longer kept. What was delivered stays delivered.
    pub async fn next(&mut self) -> Result<Option<(S::Delivery, TickRange)>> {
        loop {
            if let Some(delivery) = self.ready.pop_front() {
                return Ok(Some(delivery));
            }
            if matches!(self.state, State::Ended) {
                return Ok(None);
            }
            if let Err(error) = self.advance().await {
                // Where it stands has not changed.
                wait_out(error).await?;
            }
        }
    }

    async fn advance(&mut self) -> Result<()> {
        match &mut self.state {
            State::Ended => {}
            State::Detached => {
                let attached = self.tail.attach::<S>().await?;
                let subject = self.subject.clone();
                let (place, upto) = (Some(self.place.clone()), attached.moment.clone());
                let replay = Backfill::new(
                    Arc::clone(&self.log),
                    self.tail.clone(),
                    subject,
                    place,
                    upto,
                );
                self.state = State::CatchingUp(replay, attached);
            }
            State::CatchingUp(replay, attached) => {
                let span = TickRange {
                    from: self.number,
                    upto: attached.moment.number,
                };
                match replay.next().await? {
                    Some(delivery) => self.ready.push_back((delivery, span)),
                    None => self.caught_up(),
                }
            }
            State::Following(batches) => match batches.recv().await {
                Ok(batch) => self.follow(&batch),
                Err(RecvError::Lagged(_)) => self.state = State::Detached,
                Err(RecvError::Closed) => self.state = State::Ended,
            },
        }
        Ok(())
    }

    fn caught_up(&mut self) {
        let state = std::mem::replace(&mut self.state, State::Ended);
        if let State::CatchingUp(replay, attached) = state {
            self.number = attached.moment.number;
            if !replay.has_ended() {
                self.place = replay.place();
                self.state = State::Following(attached.batches);
            }
        }
    }

    fn follow(&mut self, batch: &Batch<S::Row>) {
        let span = TickRange {
            from: batch.number,
            upto: batch.number + 1,
        };
        let deliveries = self.subject.take(batch);
        self.ready
            .extend(deliveries.into_iter().map(|delivery| (delivery, span)));
        if let Some(place) = S::behind(batch) {
            self.place = place;
        }
        if let Some(reached) = &batch.reached {
            self.number = span.upto;
            if self.subject.ends_at(reached) {
                self.state = State::Ended;
            }
        }
    }
}
