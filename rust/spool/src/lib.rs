//! hoopwire-spool
