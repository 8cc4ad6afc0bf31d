;; Traps.
(unreachable)
