//! hoopwire-gateway
