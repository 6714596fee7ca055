"""How bright is the image, 0 to 1? The device's side of a task of another distribution."""

from edgecnn.runtime.opencv import write_text
from edgecnn.runtime.tasks import DeviceTask


class Brightness(DeviceTask):
    name = "brightness"
    outputs = ("value",)
    answers_key = "brightness"
    summary = "Brightness meter"

    def interpret(self, outputs, contract):
        return outputs[0].reshape(-1)

    def answers(self, values, contract, count=5):
        value = min(max(float(values[0]), 0.0), 1.0)
        return [{"index": 0, "label": f"{value:.2f}", "probability": value, "unit": "of white"}]

    def same(self, expected, found, contract):
        return abs(float(expected[0].item()) - float(found[0].item())) < 0.1

    def draw(self, canvas, answers, caption, contract):
        write_text(canvas, caption, (10, 20), 20)


TASK = Brightness()
