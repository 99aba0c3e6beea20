//! What a processor does with those who would wait for themselves.

use super::Items;
use crate::driver::effects::{Effects, Trash};
use crate::driver::offer::{RefusedKind, Waiting};
use crate::driver::state::{State, Vain};
use crate::driver::ticket::Pledge;
use crate::{Handle, Seq};

/// Of a ticket that is waited for in vain: what is kept of its item, to be copied outside of every lock.
pub(in crate::driver) struct Copying<R, E, I> {
    pub(in crate::driver) pledge: Pledge<R, E, I>,
    pub(in crate::driver) seq: Seq,
    pub(in crate::driver) attempt: u32,
    pub(in crate::driver) kept: I,
}

impl<T, R, E, Q: Eq, I> Items<T, R, E, Q, I> {
    /// Where all that could make room waits for room: turns the offer away that has waited longest among those made
    /// inside. True where there was one. To be settled.
    #[cold]
    pub(super) fn break_deadlock(
        &mut self,
        state: &State,
        effects: &mut Effects<T, R, E, Q, I>,
    ) -> bool {
        let Some((&first, &(turn, _))) = self.inside.first_key_value() else { return false };
        let handles: Vec<_> = self.inside.values().map(|(_, inside)| inside.handle).collect();
        if !state.is_deadlocked(&handles) {
            return false;
        }
        self.inside.remove(&first);
        let Some(Waiting { offer, answer }) = self.waiting.remove(&turn) else { return false };
        self.expect_no_more(offer.lane, effects);
        let refused = self.refuse(state, offer, RefusedKind::Deadlock, effects);
        effects.answer(answer, Err(refused));
        true
    }

    /// Where the result of an item goes that is inside.
    pub(in crate::driver) fn pledge_of(&self, handle: Handle) -> Option<Pledge<R, E, I>> {
        self.items[handle.slot().index()].pledge.clone()
    }

    /// An attempt, or a delivery, has ended: an offer of it that outlives it is one that anybody could have made.
    #[cold]
    pub(in crate::driver) fn forget_inside(&mut self, handle: Handle) {
        self.inside.retain(|_, (_, inside)| inside.handle != handle);
    }

    /// What is needed to say that a ticket is waited for in vain. `None` where it no longer is, or a callback has its
    /// failure in its hands, who tells: then it stays noted. What is kept is to be [brought back](Self::return_kept); until then nothing but the
    /// driver can bring the ticket's turn.
    pub(in crate::driver) fn take_vain(
        &mut self,
        state: &mut State,
        vain: Vain,
    ) -> Option<Copying<R, E, I>> {
        if !state.is_vain(vain) {
            return None;
        }
        let seq = state.seq_of(vain.ticket)?;
        let item = &mut self.items[vain.ticket.slot().index()];
        if item.is_out {
            state.wait_for(vain);
            return None;
        }
        let pledge = item.pledge.clone()?;
        let kept = item.kept.take()?;
        item.is_out = true;
        Some(Copying { pledge, seq, attempt: item.attempt, kept })
    }

    /// Brings back what was kept of an item, which may have left meanwhile. To be settled.
    pub(in crate::driver) fn return_kept(
        &mut self,
        state: &State,
        ticket: Handle,
        kept: I,
        effects: &mut Effects<T, R, E, Q, I>,
    ) {
        if let Some(at) = self.owed.iter().position(|owed| owed.handle == ticket) {
            let owed = self.owed.swap_remove(at);
            self.pay(owed, kept, None, effects);
        } else if state.seq_of(ticket).is_some() {
            let item = &mut self.items[ticket.slot().index()];
            item.is_out = false;
            item.kept = Some(kept);
        } else {
            effects.trash.push(Trash::Kept(kept));
        }
    }
}
