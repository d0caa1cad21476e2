"""What differs between platforms: how a request comes in and an answer goes out."""
