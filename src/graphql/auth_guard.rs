//! Authorization of operations.

use async_graphql::{Context, Guard, Result};
use entity::SyncSource;
use tracing::{info, warn};
use uuid::Uuid;

use super::{context::ContextExt, error::access_denied};
use crate::{
    auth::{PrincipalKind, Scope},
    runs::{Error, Run},
};

/// Guard of a field: the principal needs this scope.
pub(crate) struct RequireScope(pub(crate) Scope);

impl Guard for RequireScope {
    async fn check(&self, ctx: &Context<'_>) -> Result<()> {
        let principal = ctx.principal();
        if principal.has_scope(self.0) {
            return Ok(());
        }
        let field = ctx.field().name();
        warn!(target: "audit", actor = principal.id, action = field, scope = %self.0, "refused");
        let needs = self.0;
        Err(match principal.kind {
            PrincipalKind::Anonymous => access_denied(
                format!(
                    "`{field}` needs the scope `{needs}`: say who you are as `Authorization: Bearer KEY`"
                ),
                principal,
            ),
            _ => access_denied(
                format!(
                    "`{field}` needs the scope `{needs}`, which {} has not",
                    principal.name
                ),
                principal,
            ),
        })
    }
}

/// What is more than a matter of scopes.
pub(crate) trait Authorize {
    /// Makes sure that they may report on runs of this source.
    fn check_source(&self, source: SyncSource) -> Result<()>;
    /// Makes sure that they may report on this run.
    async fn check_run(&self, run_id: Uuid) -> Result<()>;
    /// Who is to be named as having triggered a run: who was given, if that may be, or who is asking.
    fn triggered_by(&self, given: Option<Uuid>) -> Result<Option<Uuid>>;
    /// The sources whose runs are meant: those given, or all that they may report on; none for all
    /// there are.
    fn sources(&self, given: Option<Vec<SyncSource>>) -> Result<Option<Vec<SyncSource>>>;
    /// Writes down that they have done this to a run.
    fn audit(&self, run: &Run, replayed: bool);
}

impl Authorize for Context<'_> {
    fn check_source(&self, source: SyncSource) -> Result<()> {
        let principal = self.principal();
        if principal.can_report_on(source) {
            return Ok(());
        }
        let message = format!("{} may not report on runs of {source}", principal.name);
        warn!(target: "audit", actor = principal.id, action = self.field().name(), %source, "refused");
        Err(access_denied(message, principal))
    }

    async fn check_run(&self, run_id: Uuid) -> Result<()> {
        if self.principal().sources.is_none() {
            return Ok(());
        }
        match self.loaders().run(run_id).await? {
            Some(run) => match run.source() {
                Ok(source) => self.check_source(source),
                Err(_) => Err(access_denied(
                    "the run is of no source that a key can be bound to".into(),
                    self.principal(),
                )),
            },
            // One that comes between this and the write may be of any source.
            None => Err(Error::NotFound {
                what: "run",
                id: run_id,
            }
            .into()),
        }
    }

    fn triggered_by(&self, given: Option<Uuid>) -> Result<Option<Uuid>> {
        let principal = self.principal();
        match given {
            Some(id) if principal.user_id() != Some(id) && !principal.has_scope(Scope::Operate) => {
                warn!(target: "audit", actor = principal.id, action = self.field().name(), user = %id, "refused");
                let message = format!(
                    "to act for others needs the scope `operate`, which {} has not",
                    principal.name
                );
                Err(access_denied(message, principal))
            }
            Some(id) => Ok(Some(id)),
            None => Ok(principal.user_id()),
        }
    }

    fn sources(&self, given: Option<Vec<SyncSource>>) -> Result<Option<Vec<SyncSource>>> {
        let Some(given) = given else {
            return Ok(self.principal().sources.clone());
        };
        given
            .iter()
            .try_for_each(|source| self.check_source(*source))?;
        Ok(Some(given))
    }

    fn audit(&self, run: &Run, replayed: bool) {
        let (principal, action) = (self.principal(), self.field().name());
        info!(target: "audit", actor = principal.id, name = principal.name, action, %run, replayed, "done");
    }
}
