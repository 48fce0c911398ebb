"""What code reaches what, by syntax trees alone; `cogattn.running.code` is the way in."""
