"""look.py PICTURE FILM: where the disc is on the picture (OpenCV), and how long the film's file is (libcurl)."""

import io
import json
import sys

import cv2
import pycurl

picture, film = sys.argv[1:]
grey = cv2.cvtColor(cv2.imread(picture), cv2.COLOR_BGR2GRAY)
contours, _ = cv2.findContours(cv2.threshold(grey, 128, 255, cv2.THRESH_BINARY_INV)[1], cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
(x, y), radius = cv2.minEnclosingCircle(max(contours, key=cv2.contourArea))

read = io.BytesIO()
curl = pycurl.Curl()
curl.setopt(pycurl.URL, f"file://{film}")
curl.setopt(pycurl.WRITEDATA, read)
curl.perform()
print(json.dumps({"disc": [round(x), round(y), round(radius)], "bytes": len(read.getvalue())}))
