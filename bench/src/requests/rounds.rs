//! Measuring: the floor and the server by turns, under the same load.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Result, bail};
use tokio::time;

use super::{
    compare::compare,
    load::{Connection, Load},
    store::Store,
    template::{Ids, Template},
    work::{Question, Work},
};
use crate::{
    cluster::Cluster,
    cpu::CpuClock,
    measure::{Spread, as_f64},
    process::Process,
};

/// How often each is measured; odd, so that one of the rounds is the middle one. Many short ones: on a machine
/// that others share, what two ratios differ by is mostly what it did for others meanwhile.
pub(crate) const ROUNDS: usize = 15;
/// How long one that was halted gets to catch up: the server with what the floor has written.
const CATCH_UP: Duration = Duration::from_millis(400);
/// How long it is under load before it is measured.
const LEAD: Duration = Duration::from_millis(200);
/// How often to look whether a measurement has to end.
const GLANCE: Duration = Duration::from_millis(10);
/// Runs that are made beforehand to be completed, for each second.
const BEGUN_A_SECOND: u32 = 8_000;
/// Of those made beforehand, as many as may be asked for before the load has stopped.
const RESERVE: u64 = 1_000;

/// What one measurement saw.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cost {
    /// Microseconds of the process's CPU for each request.
    pub(crate) process: f64,
    /// Microseconds of the database's CPU for each request, where it has processes of its own.
    pub(crate) database: f64,
    /// Requests answered in a second.
    pub(crate) rate: f64,
    /// Milliseconds from a request to its answer.
    pub(crate) latency: Spread,
}

impl Cost {
    /// Of both.
    pub(crate) fn cpu(&self) -> f64 {
        self.process + self.database
    }
}

/// One that is measured.
#[derive(Debug)]
pub(crate) struct Side {
    pub(crate) process: Process,
    /// Which of a question's two requests it understands.
    pub(crate) is_server: bool,
}

/// The floor and the server on one database. Whichever is not measured is halted, so that it takes no
/// part of the machine, nor of the database.
#[derive(Debug)]
pub(crate) struct Bench {
    pub(crate) store: Store,
    pub(crate) cluster: Option<Cluster>,
    /// The floor, the server.
    pub(crate) sides: [Side; 2],
    pub(crate) ids: Arc<Ids>,
    /// How many of the ids have been given to runs that can be completed.
    pub(crate) begun: u64,
    pub(crate) time: Duration,
}

impl Bench {
    /// Sees that both answer the same.
    pub(crate) async fn compare(&mut self, work: Work, questions: &mut [Question]) -> Result<()> {
        self.begin_runs(work, 2 * questions.len() as u64).await?;
        for side in &self.sides {
            side.process.resume()?;
        }
        let [floor, server] = &self.sides;
        let mut floor = Connection::open(floor.process.address).await?;
        let mut server = Connection::open(server.process.address).await?;
        let connections = [&mut floor, &mut server];
        compare(work, questions, connections, (&self.store, &self.ids)).await?;
        for side in &self.sides {
            side.process.pause()?;
        }
        Ok(())
    }

    /// Measures both several times, in turn the one and the other first.
    pub(crate) async fn rounds(
        &mut self,
        work: Work,
        questions: &[Question],
        connections: usize,
    ) -> Result<Vec<[Cost; 2]>> {
        let mut rounds = Vec::new();
        for round in 0..ROUNDS {
            let order = if round % 2 == 0 { [0, 1] } else { [1, 0] };
            let mut costs = [None; 2];
            for which in order {
                costs[which] = Some(self.measure(work, questions, connections, which).await?);
            }
            if let [Some(floor), Some(server)] = costs {
                rounds.push([floor, server]);
            }
        }
        Ok(rounds)
    }

    async fn measure(
        &mut self,
        work: Work,
        questions: &[Question],
        connections: usize,
        which: usize,
    ) -> Result<Cost> {
        let time = LEAD + self.time;
        let runs = time.as_millis() * u128::from(BEGUN_A_SECOND) / 1000;
        self.begin_runs(work, u64::try_from(runs)? + RESERVE)
            .await?;
        let side = &self.sides[which];
        let templates = questions
            .iter()
            .map(|question| side.template(question).clone());
        side.process.resume()?;
        time::sleep(CATCH_UP).await;
        let load = Load::start(
            side.process.address,
            connections,
            templates.collect(),
            &self.ids,
        );
        self.wait(&load, work, LEAD).await?;
        load.count(true);
        let begin = Instant::now();
        let before = (load.answered(), self.clocks(side)?);
        let waited = self.wait(&load, work, self.time).await;
        let after = (load.answered(), self.clocks(side)?);
        let seconds = begin.elapsed().as_secs_f64();
        load.count(false);
        let latencies = load.stop()?;
        waited?;
        side.process.pause()?;
        let answered = as_f64(after.0 - before.0);
        let micros = |after: &CpuClock, before| after.since(before).as_secs_f64() * 1e6 / answered;
        Ok(Cost {
            process: micros(&after.1[0], &before.1[0]),
            database: micros(&after.1[1], &before.1[1]),
            rate: answered / seconds,
            latency: Spread::of(latencies),
        })
    }

    /// Waits so long, or until what was made beforehand is used up.
    async fn wait(&self, load: &Load, work: Work, time: Duration) -> Result<()> {
        let begin = Instant::now();
        while begin.elapsed() < time && !load.has_ended() {
            if work == Work::Complete && self.ids.used() + RESERVE / 2 > self.begun {
                if time == LEAD {
                    bail!("more runs are completed than were made beforehand");
                }
                break;
            }
            time::sleep(GLANCE.min(time)).await;
        }
        Ok(())
    }

    fn clocks(&self, side: &Side) -> Result<[CpuClock; 2]> {
        let database = match &self.cluster {
            Some(cluster) => cluster.clock()?,
            None => CpuClock::default(),
        };
        Ok([side.process.cpu()?, database])
    }

    /// Makes so many runs that can be completed, under the ids that come next.
    async fn begin_runs(&mut self, work: Work, runs: u64) -> Result<()> {
        if work != Work::Complete {
            return Ok(());
        }
        let used = self.ids.used();
        let missing = self.begun.max(used)..used + runs;
        let ids: Vec<_> = missing.map(|number| self.ids.nth(number)).collect();
        for ids in ids.chunks(5_000) {
            self.store.begin(ids).await?;
        }
        self.begun = self.begun.max(used + runs);
        Ok(())
    }
}

impl Side {
    fn template<'a>(&self, question: &'a Question) -> &'a Template {
        if self.is_server {
            &question.server
        } else {
            &question.floor
        }
    }
}
