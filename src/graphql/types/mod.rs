//! The types of the schema, one folder or file each.

pub(crate) mod connection;
pub(crate) mod cursor;
pub(crate) mod event;
pub(crate) mod failures;
pub(crate) mod filters;
pub(crate) mod freshness;
pub(crate) mod id;
pub(crate) mod node;
pub(crate) mod page_info;
pub(crate) mod pagination;
pub(crate) mod run;
pub(crate) mod scalars;
pub(crate) mod stats;
pub(crate) mod stored;
pub(crate) mod user;
pub(crate) mod viewer;

pub use pagination::PageLimits;

#[cfg(test)]
mod tests {
    use super::{
        connection::Connection, event::SyncEvent, freshness::SyncFreshness, page_info::PageInfo,
        run::SyncRun, stats::SyncRunStats, user::User, user::UserConnection,
    };
    use crate::graphql::{fast_path::FastFields, schema};

    /// Returns the listed fields and the fields of the schema, each sorted.
    fn fields<T: FastFields>() -> (Vec<String>, Vec<String>) {
        let mut listed: Vec<_> = T::FIELDS.iter().map(|field| field.name().into()).collect();
        listed.sort();
        let mut fields = vec!["__typename".to_owned()];
        let schema = schema::parsed();
        let object = schema.get_object(&T::type_name()).unwrap();
        fields.extend(object.fields.keys().map(ToString::to_string));
        fields.sort();
        (listed, fields)
    }

    #[test]
    fn tables_list_all_fields_of_their_types() {
        for (listed, fields) in [
            fields::<SyncRun>(),
            fields::<SyncEvent>(),
            fields::<User>(),
            fields::<SyncRunStats>(),
            fields::<SyncFreshness>(),
            fields::<PageInfo>(),
            fields::<Connection<SyncRun>>(),
            fields::<Connection<SyncEvent>>(),
            fields::<UserConnection>(),
        ] {
            assert_eq!(listed, fields);
        }
    }
}
