//! The types of the schema, one folder or file each.

pub(crate) mod cursor;
pub(crate) mod event;
pub(crate) mod filters;
pub(crate) mod id;
pub(crate) mod node;
pub(crate) mod page_info;
pub(crate) mod pagination;
pub(crate) mod run;
pub(crate) mod scalars;
pub(crate) mod user;
pub(crate) mod viewer;

pub use pagination::PageLimits;
