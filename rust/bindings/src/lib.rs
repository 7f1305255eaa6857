//! hoopwire-bindings
