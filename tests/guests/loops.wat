;; Never comes back.
(loop $on (br $on))
(unreachable)
