//! Lists of users.

use async_graphql::{Context, Object, Result};

use super::User;
use crate::{
    graphql::{
        context::ContextExt,
        fast_path::{FastFields, FastList, Field, FieldCost},
        types::{
            connection::{Connection, Edge, Listed, TOTAL_COUNT, plan_nodes, plan_page_info},
            cursor::{decode_user, encode_user},
            filters::validate_search_text,
            page_info::PageInfo,
            pagination::PageArguments,
        },
    },
    runs::user_position,
};

impl Listed for User {
    const CONNECTION: &'static str = "UserConnection";
    const EDGE: &'static str = "UserEdge";

    type Order = ();
    /// The text to search for.
    type List = Option<String>;

    fn cursor(&self, (): ()) -> String {
        encode_user(&user_position(&self.0))
    }

    async fn count(ctx: &Context<'_>, search: &Option<String>, bound: u32) -> Result<u32> {
        let runs = ctx.runs();
        let count = runs.count_users(search.as_deref(), bound, ctx.scan_budget());
        Ok(count.await?)
    }
}

/// A page of a list of users, which no subscription follows.
pub(crate) struct UserConnection(Connection<User>);

impl AsRef<Connection<User>> for UserConnection {
    fn as_ref(&self) -> &Connection<User> {
        &self.0
    }
}

impl FastFields for UserConnection {
    type Columns = ();

    const ALL_COLUMNS: () = ();

    const FIELDS: &'static [Field<Self>] = &[
        Field::type_name(()),
        Field::single("edges", (), FieldCost::SCALAR),
        Field::nested("nodes", (), plan_nodes::<User, Self>),
        Field::nested("pageInfo", (), plan_page_info::<User, Self>),
        Field::single("totalCount", (), TOTAL_COUNT),
    ];
}

/// The connection type of a list of users: one page of it, and where the page is in the list.
#[Object]
impl UserConnection {
    /// A list of edges: each user with its cursor.
    async fn edges(&self) -> Vec<Edge<User>> {
        self.0.with_cursors()
    }

    /// A list of nodes: the users without their cursors.
    async fn nodes(&self) -> FastList<&[User]> {
        self.0.items()
    }

    /// Information to aid in pagination.
    async fn page_info(&self) -> PageInfo {
        self.0.info()
    }

    /// The number of users in the list, over all pages; null if it cannot be counted, as an error then says.
    /// It is counted only when selected and never beyond `upTo`: a value equal to `upTo` means that many or
    /// more.
    async fn total_count(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            default = 10000,
            desc = "Stops counting at this number. At least 1; 10,000 by default."
        )]
        up_to: i32,
    ) -> Result<Option<u32>> {
        self.0.count(ctx, up_to).await
    }
}

/// Lists a page of the users whose name or e-mail address contains a text.
pub(crate) async fn list_users(
    ctx: &Context<'_>,
    search: Option<String>,
    arguments: PageArguments,
) -> Result<UserConnection> {
    let search = search.map(|text| validate_search_text("search", text));
    let search = search.transpose()?;
    let page = arguments.page_of(decode_user, ctx.pages(), &ctx.look_ahead())?;
    let runs = ctx.runs();
    let rows = runs.list_users(search.as_deref(), &page, ctx.scan_budget());
    Ok(UserConnection(Connection {
        rows: rows.await?.map(User::from).into(),
        order: (),
        list: search,
        feed_cursor: None,
    }))
}
