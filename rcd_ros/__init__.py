"""One-step planning for robots: consistency-distilled diffusion planners and the ROS 2 nodes that run them."""

__version__ = "0.1.0"
