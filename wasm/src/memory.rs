//! Memory that JavaScript fills and reads through a view of its own.

/// Makes a vector at least that long, keeping what it holds and filling with zeros; false if there
/// is no memory for it. Never aborts: a failed allocation must not trap the instance.
pub fn grow<T: Clone + Default>(memory: &mut Vec<T>, length: usize) -> bool {
    if length <= memory.len() {
        return true;
    }
    if memory.try_reserve_exact(length - memory.len()).is_err() {
        return false;
    }
    memory.resize(length, T::default());
    true
}
