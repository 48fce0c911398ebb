from .choosing import draw as draw
from .choosing import end_log_odds as end_log_odds
from .choosing import following as following
from .choosing import going_on as going_on
from .choosing import log_end as log_end
from .choosing import next_bits as next_bits
from .config import FoveaConfig as FoveaConfig
from .config import FovealAttentionConfig as FovealAttentionConfig
from .config import ObjectAttentionConfig as ObjectAttentionConfig
from .config import ObjectTransformerConfig as ObjectTransformerConfig
from .foveal import FovealAttention as FovealAttention
from .foveated import FoveatedTransformer as FoveatedTransformer
from .objects import ObjectAttention as ObjectAttention
from .pointing import DurationHead as DurationHead
from .pointing import LogNormal as LogNormal
from .pointing import PointerHead as PointerHead
from .transformer import ObjectDecoder as ObjectDecoder
from .transformer import ObjectEncoder as ObjectEncoder
from .transformer import Past as Past

__all__ = [
    "DurationHead",
    "FoveaConfig",
    "FovealAttention",
    "FovealAttentionConfig",
    "FoveatedTransformer",
    "LogNormal",
    "ObjectAttention",
    "ObjectAttentionConfig",
    "ObjectDecoder",
    "ObjectEncoder",
    "ObjectTransformerConfig",
    "Past",
    "PointerHead",
    "draw",
    "end_log_odds",
    "following",
    "going_on",
    "log_end",
    "next_bits",
]
