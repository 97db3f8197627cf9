%% The actor that is measured: it counts, and crashes of a negative number.
%% Its current process stands in the table `counters` under its id, so that it is found again after a restart.
-module(counter).
-behaviour(gen_server).
-export([start_link/1, init/1, handle_call/3, handle_cast/2]).

start_link(Id) -> gen_server:start_link(?MODULE, Id, []).

init(Id) ->
    ets:insert(counters, {Id, self()}),
    {ok, 0}.

handle_call(By, _From, Count) when By >= 0 -> {reply, Count + By, Count + By};
handle_call(_, _From, _Count) -> error(boom).

handle_cast(By, Count) when By >= 0 -> {noreply, Count + By};
handle_cast(_, _Count) -> error(boom).
