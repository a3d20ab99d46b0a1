//! Authorization of operations.

use async_graphql::{Context, Guard, Result};
use tracing::{info, warn};
use uuid::Uuid;

use super::{context::ContextExt, error::access_denied};
use crate::{
    auth::{PrincipalKind, Scope},
    runs::{Error, Run, WriteScope, commands::Author},
};

/// Characters of a name that are stored in a run.
const MAX_AUTHOR_NAME: usize = 200;

/// Guards a field: the principal must have this scope.
pub(crate) struct RequireScope(pub(crate) Scope);

impl Guard for RequireScope {
    async fn check(&self, ctx: &Context<'_>) -> Result<()> {
        let (principal, scope) = (ctx.principal(), self.0);
        if principal.has_scope(scope) {
            return Ok(());
        }
        let field = ctx.field().name();
        warn!(target: "audit", actor = &*principal.id, action = field, %scope, "denied");
        let reason = match principal.kind {
            PrincipalKind::Anonymous => {
                ": authenticate with the header `Authorization: Bearer KEY`".to_owned()
            }
            _ => format!(", which {} does not have", principal.name),
        };
        let message = format!("`{field}` requires the scope `{scope}`{reason}");
        Err(access_denied(message, principal))
    }
}

/// Authorization beyond scopes, and the audit log.
pub(crate) trait Authorize {
    /// Returns the sources whose runs the principal may write.
    fn write_scope(&self) -> WriteScope;

    /// Returns the error of a write, with the principal's name if the write scope does not allow it.
    fn rejected(&self, error: Error) -> async_graphql::Error;

    /// Authorizes and returns the user who is recorded as having triggered a run: the given one, which for
    /// others than the principal requires the scope `operate`, or the principal's.
    fn authorize_trigger(&self, given: Option<Uuid>) -> Result<Option<Uuid>>;

    /// Returns who is recorded as having created or ended a run: the principal, unless it is anonymous.
    fn author(&self) -> Option<Author>;

    /// Records in the audit log that the principal changed a run.
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
        warn!(target: "audit", actor = &*principal.id, action = self.field().name(), source, "denied");
        let message = format!("{} may not report on runs of {source}", principal.name);
        access_denied(message, principal)
    }

    fn authorize_trigger(&self, given: Option<Uuid>) -> Result<Option<Uuid>> {
        let principal = self.principal();
        let Some(id) = given else {
            return Ok(principal.user_id());
        };
        if principal.user_id() == Some(id) || principal.has_scope(Scope::Operate) {
            return Ok(Some(id));
        }
        warn!(target: "audit", actor = &*principal.id, action = self.field().name(), user = %id, "denied");
        let message = format!(
            "naming another user in triggeredById requires the scope `operate`, which {} does not have",
            principal.name
        );
        Err(access_denied(message, principal))
    }

    fn author(&self) -> Option<Author> {
        let principal = self.principal();
        // PostgreSQL does not store U+0000, and the name of a user may be anything.
        let name = principal.name.chars().filter(|char| *char != '\0');
        (principal.kind != PrincipalKind::Anonymous).then(|| Author {
            name: name.take(MAX_AUTHOR_NAME).collect(),
            key_id: principal.key_id,
        })
    }

    fn audit(&self, run: &Run, replayed: bool) {
        let (principal, action) = (self.principal(), self.field().name());
        info!(target: "audit", actor = &*principal.id, name = principal.name, action, %run, replayed, "done");
    }
}
