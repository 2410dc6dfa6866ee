//! Work that goes on beside the cockpit, on a thread and a runtime of its own: whatever it does, no key waits for it.

use std::{future::Future, thread::JoinHandle};

use tokio_util::sync::CancellationToken;

/// What was begun; it ends when this goes, and is waited for.
pub struct Beside {
    cancel: CancellationToken,
    thread: Option<JoinHandle<()>>,
}

impl Beside {
    /// `work` is made on that thread, and dropped when it is cancelled. None: the thread could not be had.
    pub fn begin<F: Future<Output = ()>>(
        name: &str,
        work: impl FnOnce() -> F + Send + 'static,
    ) -> Option<Self> {
        let cancel = CancellationToken::new();
        let cancelled = cancel.clone();
        let thread = std::thread::Builder::new().name(name.to_owned());
        let thread = thread.spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            let Ok(runtime) = runtime else { return };
            runtime.block_on(async {
                tokio::select! {
                    () = cancelled.cancelled() => {}
                    () = work() => {}
                }
            });
            // What blocks is not waited for.
            runtime.shutdown_background();
        });
        Some(Self {
            cancel,
            thread: Some(thread.ok()?),
        })
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        self.cancel.cancel();
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has ended too.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    };

    use super::*;

    #[test]
    fn it_ends_when_it_is_let_go() {
        struct Gone(Arc<AtomicBool>);
        impl Drop for Gone {
            fn drop(&mut self) {
                self.0.store(true, Ordering::SeqCst);
            }
        }
        let gone = Arc::new(AtomicBool::new(false));
        let mark = Gone(Arc::clone(&gone));
        let beside = Beside::begin("a test", move || async move {
            let _mark = mark;
            std::future::pending::<()>().await;
        });
        drop(beside.expect("a thread"));
        assert!(gone.load(Ordering::SeqCst));
    }
}
