"""The names that a Keras configuration may hold: classes, functions and texts that only describe a computation.

Each list is written out, by class and by the modules that Keras 2 (tf_keras) and Keras 3 save it under, so that a new
layer of Keras is refused until it has been read here. Left out are what runs code of the file (Lambda, TFSMLayer,
TorchModuleWrapper, JaxLayer, FlaxLayer), what reads a file (StringLookup, IntegerLookup, TextVectorization,
DenseFeatures), and base classes.
"""

from __future__ import annotations

MODELS = frozenset(("Functional", "Sequential", "Model"))

_CONVOLUTIONS = """
Conv1D Conv1DTranspose Conv2D Conv2DTranspose Conv3D Conv3DTranspose Convolution1D Convolution1DTranspose
Convolution2D Convolution2DTranspose Convolution3D Convolution3DTranspose DepthwiseConv1D DepthwiseConv2D
SeparableConv1D SeparableConv2D SeparableConvolution1D SeparableConvolution2D LocallyConnected1D LocallyConnected2D
"""
_POOLING = """
AveragePooling1D AveragePooling2D AveragePooling3D AvgPool1D AvgPool2D AvgPool3D MaxPool1D MaxPool2D MaxPool3D
MaxPooling1D MaxPooling2D MaxPooling3D GlobalAveragePooling1D GlobalAveragePooling2D GlobalAveragePooling3D
GlobalAvgPool1D GlobalAvgPool2D GlobalAvgPool3D GlobalMaxPool1D GlobalMaxPool2D GlobalMaxPool3D GlobalMaxPooling1D
GlobalMaxPooling2D GlobalMaxPooling3D AdaptiveAveragePooling1D AdaptiveAveragePooling2D AdaptiveAveragePooling3D
AdaptiveMaxPooling1D AdaptiveMaxPooling2D AdaptiveMaxPooling3D
"""
_CORE = """
Activation ActivityRegularization Dense EinsumDense Embedding ReversibleEmbedding Identity InputLayer Masking
ELU LeakyReLU PReLU ReLU Softmax ThresholdedReLU
Add Average Concatenate Dot Maximum Minimum Multiply Subtract
BatchNormalization SyncBatchNormalization GroupNormalization LayerNormalization RMSNormalization UnitNormalization
AdditiveAttention Attention GroupQueryAttention MultiHeadAttention
AlphaDropout Dropout GaussianDropout GaussianNoise SpatialDropout1D SpatialDropout2D SpatialDropout3D
Cropping1D Cropping2D Cropping3D Flatten Permute RepeatVector Reshape UpSampling1D UpSampling2D UpSampling3D
ZeroPadding1D ZeroPadding2D ZeroPadding3D
ConvLSTM1D ConvLSTM2D ConvLSTM3D GRU GRUCell LSTM LSTMCell RNN SimpleRNN SimpleRNNCell StackedRNNCells
Bidirectional SpectralNormalization TimeDistributed
"""
_IMAGES = """
CategoryEncoding CenterCrop Discretization Normalization Rescaling Resizing RandomBrightness RandomColorDegeneration
RandomColorJitter RandomContrast RandomCrop RandomElasticTransform RandomErasing RandomFlip RandomGaussianBlur
RandomGrayscale RandomHeight RandomHue RandomInvert RandomPerspective RandomPosterization RandomRotation
RandomSaturation RandomSharpness RandomShear RandomTranslation RandomWidth RandomZoom AugMix AutoContrast
ContrastLimitedAdaptiveHistogramEqualization CutMix Equalization MixUp Pipeline RandAugment Solarization
"""
LAYERS = frozenset(f"{_CONVOLUTIONS} {_POOLING} {_CORE} {_IMAGES}".split())

OWN_MODULES = ("edgecnn.models.layers", "edgecnn.models._layers")  # the second: as edgecnn 0.1 wrote it
_OWN_CLASSES = """
HardSigmoid HardSwish QuickGELU SquaredReLU StarReLU LayerNorm LayerScale ClassToken PositionEmbedding Attention
"""
OWN_CLASSES = frozenset(_OWN_CLASSES.split())

_INCEPTION_RESNET_MODULES = (
    "keras.src.applications.inception_resnet_v2",
    "tf_keras.src.applications.inception_resnet_v2",
)
REGISTERED = {"CustomScaleLayer": "Custom>CustomScaleLayer", **{name: f"edgecnn>{name}" for name in OWN_CLASSES}}
"""Under which name Keras knows a class, where it isn't the class's own."""

OPERATION_LAYERS = frozenset(("TFOpLambda", "SlicingOpLambda"))

_ACTIVATIONS = """
celu elu exponential gelu glu hard_shrink hard_sigmoid hard_silu hard_swish hard_tanh leaky_relu linear log_sigmoid
log_softmax mish relu relu6 selu sigmoid silu soft_shrink softmax softplus softsign sparse_plus sparse_sigmoid
sparsemax squareplus swish tanh tanh_shrink threshold
"""
ACTIVATIONS = frozenset(_ACTIVATIONS.split())
FUNCTION_MODULES = frozenset(
    (None, "builtins", "keras.activations", "tf_keras.activations", "keras.src.activations.activations")
)

_INITIALIZERS = """
Constant GlorotNormal GlorotUniform HeNormal HeUniform Identity IdentityInitializer LecunNormal LecunUniform Ones
Orthogonal OrthogonalInitializer RandomNormal RandomUniform TruncatedNormal VarianceScaling Zeros
"""
_INITIALIZER_NAMES = """
constant glorot_normal glorot_uniform he_normal he_uniform identity lecun_normal lecun_uniform ones orthogonal
random_normal random_uniform truncated_normal variance_scaling zeros
"""
_OPTIMIZERS = "Adadelta Adafactor Adagrad Adam AdamW Adamax Ftrl Lamb Lion LossScaleOptimizer Muon Nadam RMSprop SGD"
_SCHEDULES = """
CosineDecay CosineDecayRestarts ExponentialDecay InverseTimeDecay PiecewiseConstantDecay PolynomialDecay
"""
_LOSSES = """
BinaryCrossentropy BinaryFocalCrossentropy CategoricalCrossentropy CategoricalFocalCrossentropy CategoricalHinge
CosineSimilarity Hinge Huber KLDivergence LogCosh MeanAbsoluteError MeanAbsolutePercentageError MeanSquaredError
MeanSquaredLogarithmicError Poisson SparseCategoricalCrossentropy SquaredHinge
"""
_METRICS = """
Accuracy AUC BinaryAccuracy CategoricalAccuracy F1Score FBetaScore Mean Precision Recall RootMeanSquaredError
SparseCategoricalAccuracy SparseTopKCategoricalAccuracy TopKCategoricalAccuracy
"""

_TFMOT = "tensorflow_model_optimization.python.core"
_TFMOT_CLASSES = {
    f"{_TFMOT}.sparsity.keras.pruning_wrapper": "PruneLowMagnitude",
    f"{_TFMOT}.sparsity.keras.pruning_schedule": "ConstantSparsity PolynomialDecay",
    f"{_TFMOT}.clustering.keras.cluster_wrapper": "ClusterWeights",
    f"{_TFMOT}.quantization.keras.quantize_annotate": "QuantizeAnnotate",
    f"{_TFMOT}.quantization.keras.quantize_layer": "QuantizeLayer",
    f"{_TFMOT}.quantization.keras.quantize_wrapper": "QuantizeWrapper QuantizeWrapperV2",
    f"{_TFMOT}.quantization.keras.quantize_aware_activation": "QuantizeAwareActivation NoOpActivation",
    f"{_TFMOT}.quantization.keras.quantizers": """
AllValuesQuantizer FixedQuantizer LastValueQuantizer MovingAverageQuantizer NoQuantizer
""",
    f"{_TFMOT}.quantization.keras.default_8bit.default_8bit_quantizers": """
Default8BitConvTransposeWeightsQuantizer Default8BitConvWeightsQuantizer
""",
    f"{_TFMOT}.quantization.keras.default_8bit.default_8bit_quantize_configs": """
Default8BitOutputQuantizeConfig NoOpQuantizeConfig
""",
    f"{_TFMOT}.quantization.keras.default_8bit.default_8bit_quantize_registry": """
Default8BitConvQuantizeConfig Default8BitConvTransposeQuantizeConfig Default8BitQuantizeConfig
""",
}
WRAPPERS = frozenset(" ".join(_TFMOT_CLASSES.values()).split())
"""What tensorflow-model-optimization puts around layers for pruning, clustering and quantization-aware training."""
_WRAPPER_TEXTS = """
AVG MAX CentroidInitialization.LINEAR CentroidInitialization.RANDOM CentroidInitialization.DENSITY_BASED
CentroidInitialization.KMEANS_PLUS_PLUS GradientAggregation.SUM GradientAggregation.AVG
kernel depthwise_kernel pointwise_kernel activation
"""

_KERAS_2_OPERATION_MODULES = tuple(
    f"{root}.layers.core.tf_op_layer" for root in ("keras", "keras.src", "tf_keras", "tf_keras.src")
)
_MODEL_MODULES = (
    *("keras", "keras.models", "keras.engine.functional", "keras.src.engine.functional"),
    *("keras.engine.sequential", "keras.src.engine.sequential", "keras.engine.training", "keras.src.engine.training"),
    *("keras.src.models.functional", "keras.src.models.sequential", "keras.src.models.model"),
    *("tf_keras", "tf_keras.models", "tf_keras.src.engine.functional", "tf_keras.src.engine.sequential"),
)

CLASSES: tuple[tuple[frozenset[str], frozenset[str]], ...] = tuple(
    (frozenset(modules), frozenset(classes))
    for modules, classes in (
        (_MODEL_MODULES, MODELS),
        (("keras.layers", "tf_keras.layers", "keras.layers.experimental"), LAYERS),
        (("keras.layers", "tf_keras.layers", *_KERAS_2_OPERATION_MODULES), OPERATION_LAYERS),
        (OWN_MODULES, OWN_CLASSES),
        (("keras.src.applications.convnext", "tf_keras.src.applications.convnext"), ("LayerScale", "StochasticDepth")),
        (_INCEPTION_RESNET_MODULES, ("CustomScaleLayer",)),
        (("keras.initializers", "tf_keras.initializers"), _INITIALIZERS.split()),
        (("tensorflow.python.ops.init_ops_v2",), ("Constant",)),  # tf_keras.applications.RegNetX002
        (("keras.regularizers", "tf_keras.regularizers"), ("L1", "L1L2", "L2", "OrthogonalRegularizer")),
        (
            ("keras.constraints", "tf_keras.constraints"),
            ("MaxNorm", "MinMaxNorm", "NonNeg", "RadialConstraint", "UnitNorm"),
        ),
        (("keras", "keras.dtype_policies"), ("DTypePolicy", "FloatDTypePolicy")),
        (("keras.mixed_precision", "tf_keras.mixed_precision"), ("Policy",)),
        # How a model inside of the model was compiled; the outer one is loaded with `compile=False`.
        (("keras.optimizers", "keras.optimizers.legacy", "tf_keras.optimizers"), _OPTIMIZERS.split()),
        (("keras.optimizers.schedules", "tf_keras.optimizers.schedules"), _SCHEDULES.split()),
        (("keras.losses", "tf_keras.losses"), _LOSSES.split()),
        (("keras.metrics", "tf_keras.metrics"), _METRICS.split()),
        *(((module,), classes.split()) for module, classes in _TFMOT_CLASSES.items()),
    )
)
"""Pairs of (modules, classes): each of the classes may be asked of each of the modules."""

VALUES = frozenset(
    ("__tensor__", "__numpy__", "__ellipsis__", "__slice__", "__tuple__", "__keras_tensor__", "TensorShape")
)
"""What looks like a class in a configuration, and is a constant: nothing is looked up by its name."""

_DTYPES = """
bfloat16 bool float16 float32 float64 half double int8 int16 int32 int64 uint8 uint16 uint32 uint64
mixed_float16 mixed_bfloat16
"""
_KEYWORDS = """
channels_first channels_last NHWC NCHW NWC NCW NDHWC NCDHW same valid causal full SAME VALID EXPLICIT explicit
area bicubic bilinear gaussian lanczos3 lanczos5 mitchellcubic nearest constant reflect edge symmetric wrap crop
CONSTANT REFLECT SYMMETRIC horizontal vertical horizontal_and_vertical
concat sum mul ave avg average max mean min dot
fan_in fan_out fan_avg normal uniform truncated_normal untruncated_normal columns rows
count int multi_hot one_hot stateful stateless legacy_stateful rgb bgr row col value_range approximate tanh none
auto sum_over_batch_size mean_with_sample_weight ROC PR interpolation minoring majoring micro macro weighted
float numeric dynamic batch linear log left right
"""
_COMPILED = """
adadelta adafactor adagrad adam adamw adamax ftrl lamb lion nadam rmsprop sgd
accuracy acc mse mae mape msle binary_crossentropy categorical_crossentropy sparse_categorical_crossentropy hinge
squared_hinge categorical_hinge huber kl_divergence kld log_cosh poisson cosine_similarity mean_squared_error
mean_absolute_error binary_accuracy categorical_accuracy sparse_categorical_accuracy top_k_categorical_accuracy
sparse_top_k_categorical_accuracy
"""
_PENALTIES = "l1 l2 l1_l2 orthogonal_regularizer max_norm min_max_norm non_neg radial_constraint unit_norm"
TEXTS = frozenset(
    f"{_DTYPES} {_KEYWORDS} {_COMPILED} {_INITIALIZERS} {_INITIALIZER_NAMES} {_PENALTIES} {_ACTIVATIONS} "
    f"{_WRAPPER_TEXTS}".split()
)
"""The texts that a configuration may hold beside names: element types, layouts, modes, functions of Keras by name."""
