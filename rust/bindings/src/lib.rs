//! `hoopwire._engine`: the engine for Python. Conversions and the one error map; no logic.
//!
//! Every method copies or enqueues; none waits for the network. Where one waits for a thread or a disk, the
//! GIL is released. `_engine.pyi` is the hand-written signature, kept true by stubtest.

// a clock is read here once, to carry a deadline over the seam
#![allow(clippy::disallowed_methods)]

mod decode;
mod explanation;
mod limits;
mod postgres;
mod recordings;

use hoopwire_engine::{EngineConfig, StartError};
use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use serde::Serialize;
use std::time::Duration;

/// The one error map: what is malformed is a ValueError, what the system refuses an OSError.
fn malformed(error: impl std::fmt::Display) -> PyErr {
    PyValueError::new_err(error.to_string())
}

fn not_started(error: &StartError) -> PyErr {
    PyOSError::new_err(error.to_string())
}

fn pack<'py>(py: Python<'py>, value: &impl Serialize) -> PyResult<Bound<'py, PyBytes>> {
    rmp_serde::to_vec_named(value).map(|bytes| PyBytes::new(py, &bytes)).map_err(malformed)
}

/// The data plane's running object.
#[pyclass(frozen, module = "hoopwire._engine")]
struct Engine {
    engine: hoopwire_engine::Engine,
}

#[pymethods]
impl Engine {
    #[new]
    fn new(py: Python<'_>, config: &[u8]) -> PyResult<Engine> {
        let config: EngineConfig = rmp_serde::from_slice(config).map_err(malformed)?;
        let engine =
            py.detach(|| hoopwire_engine::Engine::start(config)).map_err(|error| not_started(&error))?;
        Ok(Engine { engine })
    }

    fn fileno(&self) -> i32 {
        self.engine.event_fd()
    }

    fn addresses(&self) -> Vec<String> {
        self.engine.addresses().iter().map(ToString::to_string).collect()
    }

    fn drain_events<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.engine.drain_events())
    }

    fn admit(&self, session: &str, grant: &[u8], lease: &[u8]) -> PyResult<bool> {
        let grant = decode::grant(grant).map_err(malformed)?;
        let lease = rmp_serde::from_slice(lease).map_err(|_| malformed("malformed lease"))?;
        Ok(self.engine.admit(session, grant, lease))
    }

    fn prompt(&self, session: &str, prompt: &[u8]) -> PyResult<bool> {
        Ok(self.engine.prompt(session, rmp_serde::from_slice(prompt).map_err(malformed)?))
    }

    fn refuse(&self, session: &str, refusal: &[u8]) -> PyResult<bool> {
        Ok(self.engine.end(session, rmp_serde::from_slice(refusal).map_err(malformed)?))
    }

    fn revoke(&self, session: &str, refusal: &[u8]) -> PyResult<bool> {
        self.refuse(session, refusal)
    }

    fn regrant(&self, session: &str, grant: &[u8]) -> PyResult<bool> {
        Ok(self.engine.regrant(session, decode::grant(grant).map_err(malformed)?))
    }

    fn set_tls(&self, certificate_pem: &str, key_pem: &str) -> PyResult<()> {
        self.engine.set_tls(certificate_pem, key_pem).map_err(malformed)
    }

    fn drain(&self, deadline_s: f64) -> PyResult<()> {
        self.engine.drain(Duration::try_from_secs_f64(deadline_s).map_err(malformed)?);
        Ok(())
    }

    fn stop(&self, py: Python<'_>) {
        py.detach(|| self.engine.stop());
    }

    fn sessions<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        pack(py, &self.engine.sessions())
    }

    fn statistics<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        pack(py, &self.engine.statistics())
    }
}

/// The data plane of hoopwire: sessions, decisions, recordings.
#[pymodule]
fn _engine(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Engine>()?;
    module.add_class::<recordings::Frames>()?;
    module.add_function(wrap_pyfunction!(explanation::explain, module)?)?;
    module.add_function(wrap_pyfunction!(explanation::explain_action, module)?)?;
    module.add_function(wrap_pyfunction!(recordings::read_frames, module)?)?;
    module.add_function(wrap_pyfunction!(recordings::verify_recordings, module)?)?;
    module.add_function(wrap_pyfunction!(recordings::release_segment, module)?)?;
    Ok(())
}
