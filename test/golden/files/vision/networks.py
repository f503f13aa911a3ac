"""The networks of `make.py`: classes as published, few blocks, few channels."""

from functools import partial

import torchvision.models as tv
from timm.models import _efficientnet_builder as builder
from timm.models import convnext, efficientnet, mobilenetv3, regnet, resnet, swin_transformer, vision_transformer
from torch import nn
from torchvision.models.convnext import CNBlockConfig
from torchvision.models.efficientnet import FusedMBConvConfig, MBConvConfig
from torchvision.models.regnet import BlockParams
from torchvision.models.swin_transformer import PatchMergingV2, SwinTransformerBlockV2

# Large enough for a last map of more than one position: pooling one position is nothing to an exporter.
IMAGE = (1, 3, 64, 64)


def lazy(module, widths=4):
    """The same network with 2 channels per layer, or a few more: those that arrive are counted when it runs for the first time."""
    count = 0

    def width():
        nonlocal count
        count += 1
        return 2 + count * 7 % widths

    def swap(parent):
        for name, child in list(parent.named_children()):
            if isinstance(child, nn.Conv2d):
                new = nn.LazyConv2d(
                    width(), child.kernel_size, child.stride, child.padding, bias=child.bias is not None
                )
            elif isinstance(child, nn.BatchNorm2d):
                new = nn.LazyBatchNorm2d(eps=child.eps)
            elif isinstance(child, nn.Linear):
                new = nn.LazyLinear(width())
            else:
                swap(child)
                continue
            setattr(parent, name, new)

    swap(module)
    return module


def mobilenet_v2():
    # torchvision's own settings, narrower; 17 blocks.
    settings = [[1, 2, 1, 1], [2, 4, 2, 2], [2, 4, 3, 2], [2, 6, 4, 2], [2, 6, 3, 1], [2, 8, 3, 2], [2, 10, 1, 1]]
    module = tv.MobileNetV2(5, 0.05, settings, round_nearest=2)
    module.features[18] = tv.mobilenetv2.Conv2dNormActivation(
        module.features[17].out_channels, 12, kernel_size=1, activation_layer=nn.ReLU6
    )
    module.classifier[1] = nn.Linear(12, 5)
    return module


def mobilenet_v3_small():
    settings, _ = tv.mobilenetv3._mobilenet_v3_conf("mobilenet_v3_small")
    for each in settings:
        expanded = each.expanded_channels != each.input_channels
        each.input_channels, each.out_channels = [max(2, width // 16) for width in (each.input_channels, each.out_channels)]
        each.expanded_channels = each.input_channels * (2 if expanded else 1)
    return tv.MobileNetV3(settings, 12, 5)


def efficientnet_b0():
    widths = [8, 4, 6, 8, 10, 12, 14, 16]
    settings = [
        MBConvConfig(1 if at == 0 else 2, 3, stride, 8, 8, layers, 1, 1)
        for at, (stride, layers) in enumerate([(1, 1), (2, 2), (2, 1), (2, 1), (1, 2), (2, 1), (1, 1)])
    ]
    return tv.EfficientNet(_widths(settings, widths), 0, num_classes=5, last_channel=20)


def efficientnet_v2():
    widths = [4, 4, 6, 8, 10, 12, 14]
    settings = [
        FusedMBConvConfig(1 if at == 0 else 2, 3, stride, 8, 8, layers)
        if at < 3
        else MBConvConfig(2, 3, stride, 8, 8, layers, 1, 1)
        for at, (stride, layers) in enumerate([(1, 2), (2, 2), (2, 1), (2, 1), (1, 2), (2, 1)])
    ]
    norm = partial(nn.BatchNorm2d, eps=1e-3)
    return tv.EfficientNet(_widths(settings, widths), 0, num_classes=5, norm_layer=norm, last_channel=20)


def _widths(settings, widths):
    for at, each in enumerate(settings):
        each.input_channels, each.out_channels = widths[at], widths[at + 1]
    return settings


def vgg(batch_norm):
    layers = tv.vgg.make_layers([4, "M", 6, 5, "M", 7, "M"], batch_norm)
    module = tv.VGG(layers, 5)
    module.avgpool = nn.AdaptiveAvgPool2d((2, 2))
    module.classifier[0], module.classifier[3] = nn.Linear(7 * 4, 9), nn.Linear(9, 8)
    module.classifier[6] = nn.Linear(8, 5)
    return module


def regnet_y():
    params = BlockParams([1, 2, 1, 2], [8, 12, 16, 20], [4] * 4, [1.0] * 4, [2] * 4, 0.25)
    return tv.RegNet(params, num_classes=5, stem_width=6)


def swin_tv(second):
    more = {"block": SwinTransformerBlockV2, "downsample_layer": PatchMergingV2} if second else {}
    return tv.SwinTransformer([2, 2], 8, [1, 2], [2, 4], [4, 4], num_classes=5, **more)


def timm_mobilenet_v3():
    stages = [
        ["ds_r1_k3_s2_e1_c8_se0.25_nre"],
        ["ir_r1_k3_s2_e2_c12_nre", "ir_r1_k3_s1_e2_c12_nre"],
        ["ir_r2_k3_s2_e2_c16_se0.25"],
        ["cn_r1_k1_s1_c24"],
    ]
    return mobilenetv3.MobileNetV3(
        builder.decode_arch_def(stages),
        num_classes=5,
        num_features=20,
        stem_size=8,
        round_chs_fn=partial(builder.round_channels, divisor=4),
        se_layer=partial(efficientnet.SqueezeExcite, gate_layer="hard_sigmoid", force_act_layer=nn.ReLU),
    )


def timm_efficientnet():
    stages = [
        ["cn_r2_k3_s1_e1_c8_skip"],
        ["er_r2_k3_s2_e2_c12"],
        ["ir_r2_k3_s2_e2_c16_se0.25"],
    ]
    return efficientnet.EfficientNet(
        builder.decode_arch_def(stages),
        num_classes=5,
        num_features=20,
        stem_size=8,
        round_chs_fn=partial(builder.round_channels, divisor=4),
    )


NETWORKS = {
    "torchvision-mobilenet-v2": (mobilenet_v2, IMAGE),
    "torchvision-mobilenet-v3-small": (mobilenet_v3_small, IMAGE),
    "torchvision-efficientnet-b0": (efficientnet_b0, IMAGE),
    "torchvision-efficientnet-v2": (efficientnet_v2, IMAGE),
    "torchvision-densenet": (lambda: tv.DenseNet(4, (2, 2, 1, 2), 6, 2, num_classes=5), IMAGE),
    "torchvision-inception-v3": (
        lambda: lazy(tv.Inception3(5, aux_logits=False, init_weights=False), 2),
        (1, 3, 299, 299),
    ),
    "torchvision-googlenet": (
        lambda: lazy(tv.GoogLeNet(5, aux_logits=False, init_weights=False)),
        (1, 3, 64, 64),
    ),
    "torchvision-squeezenet": (lambda: lazy(tv.SqueezeNet("1_1", 5)), (1, 3, 64, 64)),
    "torchvision-alexnet": (lambda: lazy(tv.AlexNet(5)), (1, 3, 224, 224)),
    "torchvision-vgg": (partial(vgg, False), IMAGE),
    "torchvision-vgg-bn": (partial(vgg, True), IMAGE),
    "torchvision-convnext": (
        lambda: tv.ConvNeXt(
            [CNBlockConfig(4, 6, 1), CNBlockConfig(6, 8, 2), CNBlockConfig(8, None, 1)], layer_scale=0.5, num_classes=5
        ),
        IMAGE,
    ),
    "torchvision-regnet-y": (regnet_y, IMAGE),
    "torchvision-swin": (partial(swin_tv, False), (1, 3, 16, 16)),
    "torchvision-swin-v2": (partial(swin_tv, True), (1, 3, 16, 16)),
    "torchvision-vit": (lambda: tv.VisionTransformer(16, 8, 2, 2, 8, 12, num_classes=5), (1, 3, 16, 16)),
    "timm-mobilenet-v3": (timm_mobilenet_v3, IMAGE),
    "timm-efficientnet": (timm_efficientnet, IMAGE),
    "timm-convnext-v2": (
        lambda: convnext.ConvNeXt(
            num_classes=5, depths=(1, 2, 1, 1), dims=(4, 6, 8, 10), use_grn=True, ls_init_value=None
        ),
        IMAGE,
    ),
    "timm-regnet-y": (
        lambda: regnet.RegNet(
            regnet.RegNetCfg(depth=4, w0=8, wa=8.0, wm=1.4, group_size=4, se_ratio=0.25, stem_width=6), num_classes=5
        ),
        IMAGE,
    ),
    "timm-swin": (
        lambda: swin_transformer.SwinTransformer(
            32, 4, 3, 5, embed_dim=8, depths=(1, 2), num_heads=(2, 4), window_size=4
        ),
        (1, 3, 32, 32),
    ),
    "timm-vit": (
        lambda: vision_transformer.VisionTransformer(
            16, 8, 3, 5, embed_dim=8, depth=2, num_heads=2, mlp_ratio=2, init_values=0.1, reg_tokens=2
        ),
        (1, 3, 16, 16),
    ),
    "timm-seresnet-d": (
        lambda: resnet.ResNet(
            resnet.Bottleneck,
            [1, 2, 1, 1],
            5,
            channels=(4, 6, 8, 10),
            stem_width=4,
            stem_type="deep",
            avg_down=True,
            block_args={"attn_layer": "se"},
            cardinality=2,
            base_width=32,
        ),
        IMAGE,
    ),
}
