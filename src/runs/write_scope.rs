//! The sources whose runs a caller may write.

use entity::SyncSource;
use sea_orm::{ColumnTrait, sea_query::Expr};

use super::{Error, Result, Run};

/// The sources whose runs a caller may write. It is part of the condition of every statement that writes a run or its
/// events, so it holds even if the source of a run changes at the same time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum WriteScope {
    /// Runs of every source, also of one that this server does not know.
    #[default]
    AllSources,
    /// Runs of these sources.
    Sources(Vec<SyncSource>),
}

impl From<Option<Vec<SyncSource>>> for WriteScope {
    fn from(sources: Option<Vec<SyncSource>>) -> Self {
        sources.map_or(Self::AllSources, Self::Sources)
    }
}

impl WriteScope {
    /// Returns the sources; `None` stands for all.
    pub(crate) fn sources(&self) -> Option<&[SyncSource]> {
        match self {
            Self::AllSources => None,
            Self::Sources(sources) => Some(sources),
        }
    }

    /// Returns the condition that a run is of an allowed source.
    pub(super) fn condition(&self) -> Option<Expr> {
        let sources = self.sources()?.iter().map(AsRef::as_ref);
        Some(entity::run::Column::Source.is_in(sources))
    }

    /// Checks that runs of `source` may be written.
    pub(super) fn check_source(&self, source: SyncSource) -> Result<()> {
        match self.sources() {
            Some(sources) if !sources.contains(&source) => Err(Error::SourceNotAllowed {
                run_source: source.to_string(),
            }),
            _ => Ok(()),
        }
    }

    /// Checks that `run` may be written.
    pub(crate) fn check_run(&self, run: &Run) -> Result<()> {
        match (self, run.source()) {
            (Self::AllSources, _) => Ok(()),
            (Self::Sources(_), Ok(source)) => self.check_source(source),
            (Self::Sources(_), Err(unknown)) => Err(Error::SourceNotAllowed {
                run_source: unknown.text,
            }),
        }
    }
}
