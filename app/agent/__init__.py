"""Reports the host it runs on as an agent of the fleet, in the registry's own format; does no jobs."""
