"""Memories: recurrent cores behind one interface, each a frozen plan of pure functions."""

from jaxac.nets.memory.contract import Convolutional as Convolutional
from jaxac.nets.memory.contract import Core as Core
from jaxac.nets.memory.contract import episodes as episodes
from jaxac.nets.memory.elstm import ELSTM as ELSTM
from jaxac.nets.memory.gru import GRU as GRU
from jaxac.nets.memory.lru import LRU as LRU
from jaxac.nets.memory.lstm import LSTM as LSTM
from jaxac.nets.memory.rtrl import RTRL as RTRL
from jaxac.nets.memory.s4d import S4D as S4D
from jaxac.nets.memory.s5 import S5 as S5
from jaxac.nets.memory.sink import NoSink as NoSink
from jaxac.nets.memory.sink import Sink as Sink
from jaxac.nets.memory.sink import SinkKV as SinkKV
from jaxac.nets.memory.stacked import Stacked as Stacked
from jaxac.nets.memory.transformer import Transformer as Transformer
