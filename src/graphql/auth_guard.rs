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
        if ctx.principal().has_scope(self.0) {
            return Ok(());
        }
        Err(lacks_scope(ctx, self.0, ""))
    }
}

/// Guards a field that returns single objects: the principal must have the scope `read`, or be an API key with the scope
/// `report`. The field calls [`Authorize::authorize_read`], which denies such a key all objects but those of its runs.
pub(crate) struct RequireReadOrOwnRuns;

impl Guard for RequireReadOrOwnRuns {
    async fn check(&self, ctx: &Context<'_>) -> Result<()> {
        let principal = ctx.principal();
        let may_own_runs = principal.key_id.is_some() && principal.has_scope(Scope::Report);
        if may_own_runs || principal.has_scope(Scope::Read) {
            return Ok(());
        }
        Err(lacks_scope(ctx, Scope::Read, ""))
    }
}

/// Returns the error of a field that requires a scope, and logs it. `exception` says when the scope is not required.
fn lacks_scope(ctx: &Context<'_>, scope: Scope, exception: &str) -> async_graphql::Error {
    let (principal, field) = (ctx.principal(), ctx.field().name());
    warn!(target: "audit", actor = &*principal.id, action = field, %scope, "denied");
    let reason = match principal.kind {
        PrincipalKind::Anonymous => {
            ": authenticate with the header `Authorization: Bearer KEY`".to_owned()
        }
        _ => format!(", which {} does not have", principal.name),
    };
    let message = format!("`{field}` requires the scope `{scope}`{reason}{exception}");
    access_denied(message, principal)
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

    /// Authorizes reading a run, or an object that belongs to it: with the scope `read`, or by the API key that created the
    /// run. `None` stands for an object that belongs to no run, or does not exist: whether it does is not disclosed.
    fn authorize_read(&self, run: Option<&Run>) -> Result<()>;

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

    fn authorize_read(&self, run: Option<&Run>) -> Result<()> {
        let principal = self.principal();
        let creator = run.and_then(|run| run.created_by_key);
        let is_own = creator.is_some() && creator == principal.key_id;
        if is_own || principal.has_scope(Scope::Read) {
            return Ok(());
        }
        let exception = ", but for the runs that this key has created";
        Err(lacks_scope(self, Scope::Read, exception))
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
