//! A list that usually has one element at most. Only further elements are on the heap.
//!
//! Almost every insert into full memory passes one value through two such lists, and drops several empty
//! lists. Each of these steps is one comparison here, and about twenty instructions with `SmallVec`.

#[derive(Debug)]
pub(super) struct Few<T> {
    /// `None` only if the list is empty.
    first: Option<T>,
    /// Boxed, so that dropping a list without further elements is one comparison.
    more: Option<Box<More<T>>>,
}

#[derive(Debug)]
struct More<T>(Vec<T>);

impl<T> Default for Few<T> {
    #[inline]
    fn default() -> Self {
        Self { first: None, more: None }
    }
}

impl<T> Few<T> {
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    pub(super) fn len(&self) -> usize {
        usize::from(self.first.is_some()) + self.more.as_ref().map_or(0, |more| more.0.len())
    }

    #[inline]
    pub(super) fn push(&mut self, element: T) {
        if self.first.is_none() {
            self.first = Some(element);
        } else {
            self.push_further(element);
        }
    }

    #[cold]
    fn push_further(&mut self, element: T) {
        self.more.get_or_insert_with(|| Box::new(More(Vec::new()))).0.push(element);
    }

    /// Moves all elements of another list to the end of this list.
    #[inline]
    pub(super) fn append(&mut self, others: &mut Self) {
        if let Some(first) = others.first.take() {
            self.push(first);
            if let Some(more) = others.more.take() {
                self.append_further(*more);
            }
        }
    }

    #[cold]
    #[inline(never)]
    fn append_further(&mut self, more: More<T>) {
        self.extend(more.0);
    }

    /// Removes all elements, and calls `each` for each of them in order.
    #[inline]
    pub(super) fn drain(&mut self, mut each: impl FnMut(T)) {
        if let Some(first) = self.first.take() {
            // The elements leave the list before the first call, so the list stays valid if a call panics.
            let more = self.more.take();
            each(first);
            if let Some(more) = more {
                more.0.into_iter().for_each(each);
            }
        }
    }
}

/// Without this, the drop of an empty list would call a function for the further elements.
impl<T> Drop for Few<T> {
    #[inline]
    fn drop(&mut self) {
        if let Some(first) = self.first.take() {
            drop_out_of_line(first);
        }
        if let Some(more) = self.more.take() {
            drop_out_of_line(more);
        }
    }
}

#[cold]
#[inline(never)]
fn drop_out_of_line<T>(dropped: T) {
    drop(dropped);
}

impl<T> Extend<T> for Few<T> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, elements: I) {
        elements.into_iter().for_each(|element| self.push(element));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(numbers: impl IntoIterator<Item = usize>) -> Few<usize> {
        let mut list = Few::default();
        list.extend(numbers);
        list
    }

    #[test]
    fn elements_come_out_in_the_order_in_which_they_were_added() {
        for (here, there) in [(0, 0), (0, 1), (1, 0), (1, 1), (0, 3), (3, 0), (2, 3)] {
            let (mut list, mut others) = (of(0..here), of(here..here + there));
            list.append(&mut others);
            assert_eq!((list.len(), others.len()), (here + there, 0));
            assert_eq!((list.is_empty(), others.is_empty()), (here + there == 0, true));
            let mut drained = Vec::new();
            list.drain(|number| drained.push(number));
            assert_eq!(drained, (0..here + there).collect::<Vec<_>>());
            assert_eq!((list.is_empty(), list.len()), (true, 0));
        }
    }

    #[test]
    fn a_dropped_list_drops_its_elements() {
        let element = std::sync::Arc::new(());
        for len in 0..4 {
            let mut list = Few::default();
            list.extend((0..len).map(|_| element.clone()));
            assert_eq!(std::sync::Arc::strong_count(&element), 1 + len);
            drop(list);
            assert_eq!(std::sync::Arc::strong_count(&element), 1);
        }
    }
}
