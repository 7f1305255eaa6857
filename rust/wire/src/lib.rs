//! hoopwire-wire
