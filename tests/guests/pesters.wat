;; Asks the host without end.
(loop $on (drop (call $now)) (br $on))
(unreachable)
