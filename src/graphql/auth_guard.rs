//! Authorization of operations.

use async_graphql::{Context, Guard, Result};
use tracing::{info, warn};
use uuid::Uuid;

use super::{context::ContextExt, error::access_denied};
use crate::{
    auth::{PrincipalKind, Scope},
    runs::{Error, Run, WriteScope},
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
    /// Returns the sources whose runs the principal may write.
    fn write_scope(&self) -> WriteScope;
    /// Returns the error of a write, with the principal's name if its scope does not allow the write.
    fn rejected(&self, error: Error) -> async_graphql::Error;
    /// Who is to be named as having triggered a run: who was given, if that may be, or who is asking.
    fn triggered_by(&self, given: Option<Uuid>) -> Result<Option<Uuid>>;
    /// Writes down that they have done this to a run.
    fn audit(&self, run: &Run, replayed: bool);
}

impl Authorize for Context<'_> {
    fn write_scope(&self) -> WriteScope {
        self.principal().sources.clone().into()
    }

    fn rejected(&self, error: Error) -> async_graphql::Error {
        let Error::SourceNotAllowed { run_source: source } = error else {
            return error.into();
        };
        let principal = self.principal();
        let message = format!("{} may not report on runs of {source}", principal.name);
        warn!(target: "audit", actor = principal.id, action = self.field().name(), source, "refused");
        access_denied(message, principal)
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

    fn audit(&self, run: &Run, replayed: bool) {
        let (principal, action) = (self.principal(), self.field().name());
        info!(target: "audit", actor = principal.id, name = principal.name, action, %run, replayed, "done");
    }
}
