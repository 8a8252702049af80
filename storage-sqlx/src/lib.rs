//! Cloakroom's storage backend on PostgreSQL, MySQL, MariaDB and SQLite.

#![forbid(unsafe_code)]
#![warn(missing_docs)]
