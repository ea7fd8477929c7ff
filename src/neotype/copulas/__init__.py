"""Side room: how columns hang together once each is on the same scale; knows numpy and scipy."""
