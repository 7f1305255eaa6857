//! hoopwire-engine
