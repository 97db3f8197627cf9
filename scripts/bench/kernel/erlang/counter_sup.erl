%% Counters under Erlang's own supervisors, simple_one_for_one, that never give up.
%%
%% A hundred of them, as each goes through all its restarts of the period at every restart: alone, one takes a minute
%% for 50,000 crashes.
-module(counter_sup).
-behaviour(supervisor).
-export([start/1, stop/1, init/1]).

%% So many counters with ids from 1, each under the next of the supervisors.
start(Count) ->
    case ets:info(counters) of
        undefined -> ets:new(counters, [named_table, public, {write_concurrency, true}, {read_concurrency, true}]);
        _ -> ets:delete_all_objects(counters)
    end,
    Supervisors = [element(2, supervisor:start_link(?MODULE, [])) || _ <- lists:seq(1, 100)],
    {Supervisors, start_children(1, Count, Supervisors, [])}.

start_children(Id, Count, Supervisors, []) when Id =< Count -> start_children(Id, Count, Supervisors, Supervisors);
start_children(Id, Count, _, _) when Id > Count -> [];
start_children(Id, Count, Supervisors, [Next | Others]) ->
    {ok, Pid} = supervisor:start_child(Next, [Id]),
    [Pid | start_children(Id + 1, Count, Supervisors, Others)].

stop(Supervisors) ->
    [unlink(Supervisor) || Supervisor <- Supervisors],
    [gen_server:stop(Supervisor, normal, infinity) || Supervisor <- Supervisors].

init([]) ->
    Child = #{id => counter, start => {counter, start_link, []}, restart => permanent, shutdown => 5000},
    {ok, {#{strategy => simple_one_for_one, intensity => 1000000000, period => 1}, [Child]}}.
