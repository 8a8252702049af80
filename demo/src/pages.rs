//! One file a page: its template's data and its handlers.

pub(crate) mod about;
pub(crate) mod basket;
pub(crate) mod broken;
pub(crate) mod not_found;
pub(crate) mod preferences;
pub(crate) mod shop;
pub(crate) mod sign_in;
