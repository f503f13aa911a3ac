"""Makes what onnxruntime's quantizers leave of one small network (onnx 1.23, onnxruntime 1.32, onnx_ir): float.onnx is what they began with."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto as TP
from onnx import helper as h
from onnx import numpy_helper as nh
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_dynamic, quantize_static
from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer

HERE = Path(__file__).parent
rng = np.random.default_rng(1)


def R(*shape):
    return rng.normal(0, 0.3, shape).astype(np.float32)


def n(op, inputs, outputs, **attributes):
    return h.make_node(op, inputs, outputs, name=f"{op}_{outputs[0]}", **attributes)


weights = {"c1": R(8, 3, 3, 3), "c2": R(8, 8, 3, 3), "dw": R(8, 1, 3, 3), "fc1": R(16, 10), "fc2": R(10, 4)}
values = [nh.from_array(v, f"{k}.weight") for k, v in weights.items()] + [nh.from_array(R(8), "b1"), nh.from_array(R(10), "fb")]
pads = {"pads": [1] * 4}
nodes = [
    n("Conv", ["x", "c1.weight", "b1"], ["a"], **pads), n("Relu", ["a"], ["r"]), n("Conv", ["r", "c2.weight"], ["b"], **pads),
    n("Add", ["b", "r"], ["s"]), n("Conv", ["s", "dw.weight"], ["d"], group=8, **pads), n("Sigmoid", ["d"], ["sg"]),
    n("Concat", ["sg", "s"], ["cc"], axis=1), n("GlobalAveragePool", ["cc"], ["g"]), n("Flatten", ["g"], ["f"]),
    n("MatMul", ["f", "fc1.weight"], ["m1"]), n("Add", ["m1", "fb"], ["m2"]), n("Relu", ["m2"], ["m3"]),
    n("Gemm", ["m3", "fc2.weight"], ["out"])]
graph = h.make_graph(nodes, "g", [h.make_tensor_value_info("x", TP.FLOAT, ["n", 3, 8, 8])],
                     [h.make_tensor_value_info("out", TP.FLOAT, ["n", 4])], values)
FLOAT = HERE / "float.onnx"
onnx.save(h.make_model(graph, opset_imports=[h.make_opsetid("", 17)], ir_version=8), FLOAT)


class Data(CalibrationDataReader):
    def __init__(self):
        self.left = iter([{"x": R(1, 3, 8, 8) * 3} for _ in range(8)])

    def get_next(self):
        return next(self.left, None)


INT8 = {"per_channel": True, "weight_type": QuantType.QInt8}
quantize_dynamic(FLOAT, HERE / "quantized-dynamic.onnx", op_types_to_quantize=["Conv", "MatMul", "Gemm"], **INT8)
quantize_static(FLOAT, HERE / "quantized-static.onnx", Data(), quant_format=QuantFormat.QOperator, **INT8)
quantize_static(FLOAT, HERE / "quantized-qdq.onnx", Data(), quant_format=QuantFormat.QDQ, **INT8)
options = ort.SessionOptions()
options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
options.optimized_model_filepath = str(HERE / "quantized-fused.onnx")
ort.InferenceSession(HERE / "quantized-dynamic.onnx", options, providers=["CPUExecutionProvider"])
for bits in (4, 8):
    blocks = MatMulNBitsQuantizer(onnx.load(FLOAT), bits=bits, block_size=16, is_symmetric=False)
    blocks.process()
    blocks.model.save_model_to_file(str(HERE / f"quantized-{bits}-bits.onnx"))
