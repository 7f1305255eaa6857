//! hoopwire-postgres
