"""What every route has in common: endpoints, access, limits, problems, ids, numbers, pages, documents."""
