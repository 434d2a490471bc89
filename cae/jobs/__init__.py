"""Work in processes of its own: a training, the queue it waits in, a sweep of many."""
