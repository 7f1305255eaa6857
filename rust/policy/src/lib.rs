//! hoopwire-policy
