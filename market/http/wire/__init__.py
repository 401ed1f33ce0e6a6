"""What all routes share: endpoints, access, limits, problems, ids, numbers, pages, documents."""
