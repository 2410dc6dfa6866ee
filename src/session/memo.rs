//! What a screen shows is a function of the cockpit; where that function is dear, its last value is kept beside what it
//! was made from, and made anew when that changes.

use std::{
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

/// The last value, and how often one was made.
pub struct Memo<K, V> {
    kept: Mutex<Option<(K, Arc<V>)>>,
    made: AtomicU64,
}

impl<K: PartialEq, V> Memo<K, V> {
    /// The value for this key: the one that is kept, or a new one.
    pub fn get(&self, key: K, make: impl FnOnce() -> V) -> Arc<V> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((of, value)) = kept.as_ref()
            && *of == key
        {
            return Arc::clone(value);
        }
        self.made.fetch_add(1, Ordering::Relaxed);
        let value = Arc::new(make());
        *kept = Some((key, Arc::clone(&value)));
        value
    }

    pub fn made(&self) -> u64 {
        self.made.load(Ordering::Relaxed)
    }
}

impl<K, V> Default for Memo<K, V> {
    fn default() -> Self {
        Self {
            kept: Mutex::new(None),
            made: AtomicU64::new(0),
        }
    }
}

/// A copy makes its own.
impl<K, V> Clone for Memo<K, V> {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl<K, V> fmt::Debug for Memo<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memo")
            .field("made", &self.made)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_made_once_for_each_key() {
        let memo: Memo<u8, u8> = Memo::default();
        assert_eq!((*memo.get(1, || 10), *memo.get(1, || 11)), (10, 10));
        assert_eq!((*memo.get(2, || 20), memo.made()), (20, 2));
        assert_eq!(memo.clone().made(), 0);
    }
}
