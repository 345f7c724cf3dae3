"""What must hold when processes are killed, disks are full, folders vanish and clocks jump."""
