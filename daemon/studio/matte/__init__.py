"""Figures cut out of footage that has no screen behind them: a mask for every frame.

The network is MediaPipe's selfie segmentation (Apache-2.0, 250 KB), which the mediapipe wheels from 0.10.9
to 0.10.21 carry; `carried` finds the file, and nothing of mediapipe is ever imported. `network` runs it in
numpy: 11.7 ms of CPU for a 256x144 frame and 39 MB of memory for the process, its masks equal to
MediaPipe's to 1e-4, where MediaPipe itself took 11.7 ms and 411 MB. So it works with numpy 2, which the
wheels from 0.10.18 on refuse, and on any Python, given the model's file.
"""
