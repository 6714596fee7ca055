"""`edgecnn collect`: labeled images from a camera, in a folder per class.

`store.Store` is the folder, `live.Live` the camera and the model, `recorder.Recorder` takes frames while a button is
held, `server.CollectServer` the page, and `collector.Collector` all of it together.
"""
