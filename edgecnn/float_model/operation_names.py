"""The operations that a model may name: functions of TensorFlow, operations of Keras 3, nodes of a TensorFlow graph.

Each one computes its result from its arguments: none reads or writes a file, opens a connection, prints, or calls
Python. The lists are written out: no prefix stands for what begins with it, as `nn.fixed_unigram_candidate_sampler`
reads a file.
"""

from __future__ import annotations

_OPERATORS = "add eq getitem ne"  # the others are functions of `math`
_MATH = """
abs acos acosh add add_n argmax argmin asin asinh atan atan2 atanh ceil cos cosh count_nonzero cumprod cumsum divide
divide_no_nan equal erf erfc exp expm1 floor floordiv floormod greater greater_equal is_finite is_inf is_nan
l2_normalize less less_equal log log1p log_sigmoid log_softmax logical_and logical_not logical_or logical_xor
maximum minimum mod multiply multiply_no_nan negative not_equal pow reciprocal reciprocal_no_nan reduce_all
reduce_any reduce_euclidean_norm reduce_logsumexp reduce_max reduce_mean reduce_min reduce_prod reduce_std
reduce_sum reduce_variance rint round rsqrt scalar_mul sigmoid sign sin sinh softmax softplus softsign sqrt square
squared_difference subtract tan tanh top_k truediv xdivy xlog1py xlogy
"""
_NN = """
atrous_conv2d avg_pool avg_pool1d avg_pool2d avg_pool3d batch_normalization bias_add conv1d conv1d_transpose conv2d
conv2d_transpose conv3d conv3d_transpose convolution crelu depth_to_space depthwise_conv2d dilation2d dropout elu
gelu l2_loss l2_normalize leaky_relu local_response_normalization log_softmax lrn max_pool max_pool1d max_pool2d
max_pool3d moments pool relu relu6 selu separable_conv2d sigmoid silu softmax softplus softsign space_to_batch
space_to_depth swish tanh top_k zero_fraction
"""
_ARRAYS = """
argmax argmin batch_to_space broadcast_to cast clip_by_norm clip_by_value concat convert_to_tensor einsum
expand_dims eye fill gather gather_nd identity image.adjust_brightness image.adjust_contrast image.central_crop
image.crop_to_bounding_box image.extract_patches image.flip_left_right image.flip_up_down image.grayscale_to_rgb
image.pad_to_bounding_box image.per_image_standardization image.resize image.resize_with_crop_or_pad
image.resize_with_pad image.rgb_to_grayscale image.rot90 linalg.matmul linalg.normalize linalg.norm linalg.einsum
matmul meshgrid nest.flatten norm one_hot ones ones_like pad quantization.fake_quant_with_min_max_args
quantization.fake_quant_with_min_max_vars range rank repeat reshape reverse roll saturate_cast shape signal.fft2d
size slice space_to_batch_nd split squeeze stack stop_gradient strided_slice tensordot tile transpose unstack where
zeros zeros_like
"""
_COMPAT = """
argmax argmin batch_to_space concat div expand_dims floor_div gather gather_nd image.resize_bilinear
image.resize_nearest_neighbor math.log_softmax math.reduce_max math.reduce_mean math.reduce_sum math.softmax
nn.avg_pool nn.conv2d nn.crelu nn.depthwise_conv2d nn.dropout nn.log_softmax nn.max_pool nn.moments
nn.separable_conv2d nn.softmax ones_like pad reduce_max reduce_mean reduce_min reduce_sum reverse reverse_v2 shape
size space_to_batch space_to_batch_nd norm nn.pool batch_to_space_nd space_to_depth squeeze strided_slice transpose
where where_v2 zeros_like
"""
FUNCTIONS = frozenset(
    [f"__operators__.{name}" for name in _OPERATORS.split()]
    + [f"math.{name}" for name in _MATH.split()]
    + [f"nn.{name}" for name in _NN.split()]
    + _ARRAYS.split()
    + [f"compat.v1.{name}" for name in _COMPAT.split()]
)
"""What a TFOpLambda layer of Keras 2 may call, by TensorFlow's canonical name."""

SLICES = frozenset(("__operators__.getitem", "strided_slice", "compat.v1.strided_slice"))
"""What a SlicingOpLambda layer may call."""

_KERAS_3 = {
    "numpy": """
        Abs Absolute Add All Amax Amin Any Arange Arccos Arcsin Arctan Arctan2 Argmax Argmin Average BroadcastTo
        Ceil Clip Concatenate Copy Cos Cosh Cumprod Cumsum Diff Divide DivideNoNan Dot Einsum Equal Exp Exp2
        ExpandDims Expm1 Flip Floor FloorDivide Full FullLike GetItem Greater GreaterEqual Hstack Isfinite Isinf
        Isnan Less LessEqual Linspace Log Log10 Log1p Log2 Logaddexp LogicalAnd LogicalNot LogicalOr LogicalXor
        Matmul Max Maximum Mean Median Meshgrid Min Minimum Mod Moveaxis Multiply NanToNum Ndim Negative NotEqual
        OnesLike Outer Pad Power Prod Ravel Reciprocal Repeat Reshape Roll Rot90 Round Sign Sin Sinh Size Sort Split
        Sqrt Square Squeeze Stack Std Subtract Sum Swapaxes Take TakeAlongAxis Tan Tanh Tensordot Tile Transpose
        Tril Triu TrueDivide Trunc Var Vstack Where ZerosLike
    """,
    "nn": """
        AdaptiveAveragePool AdaptiveMaxPool AveragePool BatchNorm Celu Conv ConvTranspose DepthToSpace DepthwiseConv
        DotProductAttention Elu Fold Gelu Glu HardShrink HardSigmoid HardSilu HardTanh LayerNorm LeakyRelu
        LogSigmoid LogSoftmax MaxPool Moments Normalize OneHot RMSNorm Relu Relu6 Selu SeparableConv Sigmoid Silu
        SoftShrink Softmax Softplus Softsign SpaceToDepth SparsePlus SparseSigmoid Sparsemax Squareplus TanhShrink
        Threshold Unfold
    """,
    "core": "Cast ConvertToTensor SaturateCast Slice StopGradient Unstack",
    "math": "Erf Erfc Logsumexp Rsqrt TopK",
    "image": "CropImages ExtractPatches PadImages RGBToGrayscale Resize",
    "linalg": "Norm",
}
KERAS_3_OPERATIONS = tuple((f"keras.src.ops.{name}", frozenset(text.split())) for name, text in _KERAS_3.items())
"""Pairs of (module, classes) of Keras 3's operation nodes."""

_GRAPH_MATH = """
Abs Acos Acosh Add AddN AddV2 All Any ApproximateEqual ArgMax ArgMin Asin Asinh Atan Atan2 Atanh BatchMatMul
BatchMatMulV2 BatchMatMulV3 BiasAdd BiasAddV1 Bincount Bitcast BitwiseAnd BitwiseOr BitwiseXor Bucketize Cast Ceil
ClipByValue Cos Cosh Cross Cumprod Cumsum Div DivNoNan Einsum Elu Equal Erf Erfc Erfinv Exp Expm1 Floor FloorDiv
FloorMod Greater GreaterEqual Inv IsFinite IsInf IsNan L2Loss LRN LeakyRelu Less LessEqual Log Log1p LogSoftmax
LogicalAnd LogicalNot LogicalOr MatMul Max Maximum Mean Min Minimum Mod Mul MulNoNan Neg NotEqual Pow Prod RealDiv
Reciprocal Relu Relu6 Rint Round Rsqrt Selu Sigmoid Sign Sin Sinh Softmax Softplus Softsign Sqrt Square
SquaredDifference Sub Sum Tan Tanh TruncateDiv TruncateMod Xdivy Xlog1py Xlogy
"""
_GRAPH_IMAGES = """
AdjustContrast AdjustContrastv2 AdjustHue AdjustSaturation AvgPool AvgPool3D Conv Conv2D Conv2DBackpropInput Conv3D
Conv3DBackpropInputV2 CropAndResize DepthToSpace DepthwiseConv2dNative Dilation2D ExtractImagePatches FusedBatchNorm
FusedBatchNormV2 FusedBatchNormV3 HSVToRGB ImageProjectiveTransformV2 ImageProjectiveTransformV3 MaxPool MaxPool3D
MaxPoolV2 MirrorPad Pad PadV2 RGBToHSV ResizeArea ResizeBicubic ResizeBilinear ResizeNearestNeighbor
ScaleAndTranslate SpaceToBatch SpaceToBatchND BatchToSpace BatchToSpaceND SpaceToDepth
FakeQuantWithMinMaxArgs FakeQuantWithMinMaxVars FakeQuantWithMinMaxVarsPerChannel QuantizeAndDequantizeV2
QuantizeAndDequantizeV3 QuantizeAndDequantizeV4
"""
_GRAPH_ARRAYS = """
BroadcastArgs BroadcastTo CheckNumerics Concat ConcatOffset ConcatV2 Const Diag DynamicPartition DynamicStitch Empty
EnsureShape ExpandDims Fill Gather GatherNd GatherV2 GuaranteeConst Identity IdentityN InvertPermutation LinSpace
MatrixBandPart MatrixDiag MatrixDiagV3 NoOp OneHot OnesLike Pack PreventGradient Range Rank Reshape ReverseV2
ReverseSequence Roll ScatterNd Select SelectV2 Shape ShapeN Size Slice Split SplitV Squeeze StopGradient
StridedSlice TensorScatterUpdate Tile TopK TopKV2 Transpose Unpack Where ZerosLike Assert BatchMatrixBandPart
BroadcastGradientArgs Placeholder PlaceholderWithDefault _Arg _Retval
"""
_GRAPH_RANDOM = """
Multinomial RandomStandardNormal RandomUniform RandomUniformInt RngReadAndSkip RngSkip StatefulStandardNormalV2
StatefulUniform StatefulUniformInt StatelessMultinomial StatelessRandomGetAlg StatelessRandomGetKeyCounter
StatelessRandomGetKeyCounterAlg StatelessRandomNormal StatelessRandomNormalV2 StatelessRandomUniform
StatelessRandomUniformFullInt StatelessRandomUniformFullIntV2 StatelessRandomUniformInt StatelessRandomUniformIntV2
StatelessRandomUniformV2 StatelessTruncatedNormal StatelessTruncatedNormalV2 TruncatedNormal
"""
_GRAPH_CONTROL = """
Case Enter Exit If LoopCond Merge NextIteration PartitionedCall StatefulPartitionedCall StatelessCase StatelessIf
StatelessWhile Switch While EmptyTensorList TensorListConcatV2 TensorListElementShape TensorListFromTensor
TensorListGather TensorListGetItem TensorListLength TensorListPopBack TensorListPushBack TensorListReserve
TensorListResize TensorListSetItem TensorListSplit TensorListStack
"""
_GRAPH_VARIABLES = """
Assign AssignAddVariableOp AssignSubVariableOp AssignVariableOp AssignAdd AssignSub IsVariableInitialized
ReadVariableOp ResourceGather ResourceGatherNd VarHandleOp VarIsInitializedOp Variable VariableShape VariableV2
DisableCopyOnRead StringFormat
"""
GRAPH_OPERATIONS = frozenset(
    f"{_GRAPH_MATH} {_GRAPH_IMAGES} {_GRAPH_ARRAYS} {_GRAPH_RANDOM} {_GRAPH_CONTROL} {_GRAPH_VARIABLES}".split()
)
"""What a node of a SavedModel may compute when the model is loaded or called."""

RESTORE = "RestoreV2"
"""Allowed only where a TensorFlow 1 model reads its own variables back."""
