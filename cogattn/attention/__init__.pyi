from .config import FovealAttentionConfig as FovealAttentionConfig
from .config import ObjectAttentionConfig as ObjectAttentionConfig
from .config import ObjectTransformerConfig as ObjectTransformerConfig
from .foveal import FovealAttention as FovealAttention
from .objects import ObjectAttention as ObjectAttention
from .transformer import ObjectDecoder as ObjectDecoder
from .transformer import ObjectEncoder as ObjectEncoder
from .transformer import PointerHead as PointerHead

__all__ = [
    "FovealAttention",
    "FovealAttentionConfig",
    "ObjectAttention",
    "ObjectAttentionConfig",
    "ObjectDecoder",
    "ObjectEncoder",
    "ObjectTransformerConfig",
    "PointerHead",
]
